import { type AlibabaClient, createAlibabaClient, credentialsFromEnvironment } from '../alibaba/client.ts';
import type { CredentialsSource } from '../alibaba/credentials.ts';
import { createEniResolver, type EniResolver } from '../alibaba/eni-resolver.ts';
import { createRateLimiter, type RateLimiter } from '../alibaba/throttle.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

export interface Cloud {
  readonly client: AlibabaClient;
  readonly credentials: CredentialsSource;
  readonly limiter: RateLimiter;
  readonly resolver: EniResolver;
  /** Calls back whenever the credentials are other ones than before. */
  onCredentialsChanged(listener: () => void): void;
  close(): void;
}

/** The cloud API as configured, told to metrics and log. */
export function createCloud(config: Config, clock: Clock, metrics: Metrics, logger: Logger): Cloud {
  const transport = {
    endpoints: {
      network: config.endpointNetwork,
      allowInsecureEndpoint: config.allowInsecureEndpoints,
      override: {
        ...(config.slbEndpoint !== undefined && { slb: config.slbEndpoint }),
        ...(config.ecsEndpoint !== undefined && { ecs: config.ecsEndpoint }),
        ...(config.stsEndpoint !== undefined && { sts: config.stsEndpoint }),
      },
    },
    clock,
    timeoutMs: config.apiTimeout,
  };
  const changed: (() => void)[] = [];
  const credentials = credentialsFromEnvironment({
    ...transport,
    regionId: config.region,
    ...(config.credentialsDir !== undefined && { credentialsDir: config.credentialsDir }),
    onRefresh: (refresh) => {
      const { result, reason, description, expiresAt, error } = refresh;
      metrics.cloud.credentialsRefreshes.inc({ result });
      if (error !== undefined) {
        logger.error('Credentials could not be fetched', { from: description, reason, error });
        return;
      }
      metrics.cloud.credentialsExpiry.set(expiresAt === undefined ? 0 : expiresAt / 1000);
      logger.debug('Credentials fetched', { from: description, reason });
      if (refresh.changed) for (const listener of changed) listener();
    },
  });
  const limiter = createRateLimiter({ clock, qps: config.apiQps, burst: config.apiBurst });
  const client = createAlibabaClient({
    ...transport,
    credentials,
    limiter,
    onCall: ({ action, code, durationMs, group, count, requestId }) => {
      metrics.apiCall(action, code, durationMs / 1000);
      if (code.includes('Throttling')) metrics.cloud.throttled.inc();
      logger.debug('API call', { action, code, durationMs, group: group?.vServerGroupId, count, requestId });
    },
  });
  const resolver = createEniResolver({ ecs: client.ecs, clock, vpcId: config.vpcId });
  metrics.onScrape(() => {
    metrics.cloud.rate.set(limiter.rate);
    for (const [priority, calls] of Object.entries(limiter.waiting))
      metrics.cloud.waiting.set({ priority }, calls);
  });
  return {
    client,
    credentials,
    limiter,
    resolver,
    onCredentialsChanged: (listener) => void changed.push(listener),
    close() {
      resolver.close();
      limiter.close();
      client.close();
      credentials.close();
    },
  };
}
