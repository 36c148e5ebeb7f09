import {
  DEFAULT_HEALTH_CHECK,
  defaultConfiguration,
  type HealthCheckConfiguration,
  type ListenerConfiguration,
} from '../state/listeners.ts';
import { type Behaviour, checkBehaviour, defaultBehaviour } from './behaviour.ts';

/** A listener that runs from the start: what the API would configure, and how undocumented behaviour is simulated. */
export interface ListenerOptions
  extends Partial<Omit<ListenerConfiguration, 'healthCheck'>>,
    Partial<Behaviour> {
  readonly protocol: 'tcp' | 'http';
  /** Default 0: any free port. */
  readonly port?: number;
  /** Id of the vServer group. The listener belongs to the group's load balancer. */
  readonly group: string;
  /** False: no health check. Default: TCP for tcp, HEAD / for http, every 2 s, 5 s time-out, thresholds 3. */
  readonly healthCheck?: Partial<HealthCheckConfiguration> | false;
}

export function configurationOf({ healthCheck, ...options }: ListenerOptions): ListenerConfiguration {
  const type = options.protocol;
  return {
    ...pick(options, defaultConfiguration(type)),
    healthCheck: healthCheck === false ? undefined : { ...DEFAULT_HEALTH_CHECK, type, ...healthCheck },
  };
}

/** Uses the listener's own options, then those for all listeners, then the defaults. Throws a RangeError that names the option. */
export function behaviourOf(
  protocol: 'tcp' | 'http',
  forAll: Partial<Behaviour>,
  options: Partial<Behaviour> = {},
): Behaviour {
  const base = defaultBehaviour(protocol);
  const behaviour = pick(options, pick(forAll, base));
  checkBehaviour(behaviour);
  return behaviour;
}

/** The fields of `base`, each overridden by `given` if set there. */
function pick<T extends object>(given: Partial<T>, base: T): T {
  const result = { ...base };
  for (const name of Object.keys(base) as (keyof T)[]) result[name] = given[name] ?? base[name];
  return result;
}
