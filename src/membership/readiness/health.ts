import type { HealthStatus } from '../backend.ts';
import type { Registration } from './gate.ts';

/** What is known about a pod's health in a load balancer. */
export type Health =
  | {
      readonly is: 'told';
      /** When the load balancer was queried; `Clock.now()` milliseconds. */
      readonly askedAt: number;
      /** The status by each listener that sends to the pod. */
      readonly listeners: readonly { readonly listener: string; readonly status: HealthStatus }[];
    }
  /** The query failed. */
  | { readonly is: 'refused'; readonly reason: string; readonly message: string };

/** How long the first check may take at most: twice the 7 s that it takes with the load balancer's defaults. */
const CHECKED_MS = 15_000;

/**
 * The registration of a pod in the group of a binding with `gate: Healthy`. The first row that fits:
 *
 * | the load balancer                       | its listeners that send to the pod    | = the pod                      |
 * |-----------------------------------------|---------------------------------------|--------------------------------|
 * | is not known                            | –                                     | is registered, settled in 15 s |
 * | was not queried since the pod was added | –                                     | is unknown                     |
 * | could not be queried                    | –                                     | waits, for that reason         |
 * | was queried                             | at least one, and all find it healthy | is registered                  |
 * | was queried within 15 s                 | any other                             | is unknown                     |
 * | was queried                             | some find it unhealthy                | waits: Unhealthy               |
 * | was queried                             | none, or some have no result          | is registered                  |
 *
 * An answer from before the pod was in the group is about the pod that had the address then.
 *
 * @param loadBalancer Its id; undefined if the cloud does not return it.
 */
export function registrationByHealth(
  registered: Extract<Registration, { is: 'registered' }>,
  loadBalancer: string | undefined,
  health: Health | undefined,
  timeoutMs: number,
): Registration {
  const { since, settleMs } = registered;
  if (loadBalancer === undefined) return { ...registered, settleMs: Math.max(settleMs, CHECKED_MS) };
  const unknown = (message: string): Registration => ({ is: 'unknown', message, timeoutMs });
  if (health === undefined || (health.is === 'told' && health.askedAt < since))
    return unknown(`load balancer ${loadBalancer} has not said whether the pod is healthy`);
  const waiting = { is: 'waiting', hasRow: true, timeoutMs } as const;
  if (health.is === 'refused') return { ...waiting, reason: health.reason, message: health.message };
  const { listeners, askedAt } = health;
  if (listeners.length > 0 && listeners.every(({ status }) => status === 'normal')) return registered;
  if (askedAt < since + CHECKED_MS)
    return unknown(`load balancer ${loadBalancer} has not found the pod healthy yet`);
  const failing = listeners.filter(({ status }) => status === 'abnormal').map(({ listener }) => listener);
  if (failing.length === 0) return registered;
  const by = failing.length === 1 ? `listener ${failing[0]}` : `listeners ${failing.sort().join(', ')}`;
  const message = `the health check of ${by} of load balancer ${loadBalancer} fails`;
  return { ...waiting, reason: 'Unhealthy', message };
}
