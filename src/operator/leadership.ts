import { type Clock, unlessAborted } from '../clock.ts';
import type { Config } from '../config.ts';
import type { KubeTransport } from '../kubernetes/client/transport.ts';
import { LeaderElector } from '../kubernetes/election/leader-election.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

/** Whether this process may write. */
export interface Leadership {
  /** Called right before each write. */
  isLeader(): boolean;
  /** Resolves when this process leads; rejects with the signal's reason if it is aborted first. */
  won(signal: AbortSignal): Promise<void>;
  /** Rejects when leadership is lost: the process must end, because another one writes from now on. */
  readonly lost: Promise<never>;
  /** Releases the Lease. To be called after the last write has ended. */
  stop(): Promise<void>;
}

export interface LeadershipParts {
  readonly config: Config;
  readonly namespace: string;
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export function createLeadership(parts: LeadershipParts): Leadership {
  return parts.config.leaderElect ? elected(parts) : alone(parts);
}

/** Without an election the only replica always leads. */
function alone({ config, metrics }: LeadershipParts): Leadership {
  metrics.runtime.leader.set({ name: config.leaderElectLeaseName }, 1);
  return {
    isLeader: () => true,
    won: async () => {},
    lost: new Promise(() => {}),
    stop: async () => {},
  };
}

function elected({ config, namespace, transport, clock, metrics, logger }: LeadershipParts): Leadership {
  const won = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<never>();
  // Leadership may be lost before anybody awaits this promise.
  lost.promise.catch(() => {});
  const name = config.leaderElectLeaseName;
  const elector = new LeaderElector({
    transport,
    namespace,
    name,
    clock,
    masterStatus: metrics.runtime.leader,
    timing: {
      leaseDurationMs: config.leaderElectLeaseDuration,
      renewDeadlineMs: config.leaderElectRenewDeadline,
      retryPeriodMs: config.leaderElectRetryPeriod,
    },
    onStartedLeading: () => {
      logger.info('Leading', { lease: `${namespace}/${name}` });
      won.resolve();
    },
    onStoppedLeading: (how, why) => {
      if (how === 'lost') lost.reject(new Error(`leadership was lost (${why}): another replica writes now`));
    },
    onNewLeader: (identity) => logger.info('Leader seen', { identity, lease: `${namespace}/${name}` }),
    onFailure: ({ during, error }) =>
      logger.warn(`The Lease could not be read or written (${during})`, { error }),
  });
  return {
    isLeader: () => elector.isLeader(),
    won(signal) {
      elector.start();
      return unlessAborted(won.promise, signal);
    },
    lost: lost.promise,
    stop: () => elector.stop(),
  };
}
