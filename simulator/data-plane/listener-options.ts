import {
  DEFAULT_HEALTH_CHECK,
  defaultConfiguration,
  type HealthCheckConfiguration,
  type ListenerConfiguration,
} from '../state/listeners.ts';
import { type Behaviour, checkBehaviour, defaultBehaviour } from './behaviour.ts';

/** A listener that runs from the start on: what the API would set for it, and how what is not known is played. */
export interface ListenerOptions
  extends Partial<Omit<ListenerConfiguration, 'healthCheck'>>,
    Partial<Behaviour> {
  readonly protocol: 'tcp' | 'http';
  /** Default 0: any free port. */
  readonly port?: number;
  /** Id of the vServer group; the listener is on the group's load balancer. */
  readonly group: string;
  /** False: no health check. Default: by TCP for tcp, by HEAD / for http, every 2 s, 5 s time-out, thresholds 3. */
  readonly healthCheck?: Partial<HealthCheckConfiguration> | false;
}

export function configurationOf({ healthCheck, ...options }: ListenerOptions): ListenerConfiguration {
  const type = options.protocol;
  return {
    ...pick(options, defaultConfiguration(type)),
    healthCheck: healthCheck === false ? undefined : { ...DEFAULT_HEALTH_CHECK, type, ...healthCheck },
  };
}

/** What the options say, else what holds for all listeners, else the default. Throws a RangeError that names the option. */
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

/** The fields of `base`, each from `given` where that has it. */
function pick<T extends object>(given: Partial<T>, base: T): T {
  const result = { ...base };
  for (const name of Object.keys(base) as (keyof T)[]) result[name] = given[name] ?? base[name];
  return result;
}
