import { asArray, asObject } from '../../json.ts';

/** Kubernetes' default. */
export const DEFAULT_GRACE_SECONDS = 30;

/**
 * How many seconds, at least, all containers of a pod keep running as before after its deletion; 0 if not at all.
 *
 * | preStop of a container         | it keeps running for                                                     |
 * |--------------------------------|--------------------------------------------------------------------------|
 * | none, or one that always fails | no time                                                                  |
 * | `sleep`                        | the duration of the sleep                                                |
 * | `exec`, `httpGet`              | an unknown time: as long as the grace period allows                      |
 *
 * The grace period begins with the deletion. The API server ensures that a sleep is not longer than it; the kubelet grants two
 * more seconds after the sleep. Sidecars are stopped last and do not count here.
 * https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
 */
export function holdSecondsOf(spec: unknown): number {
  const { containers, terminationGracePeriodSeconds } = asObject(spec);
  const goOnFor = asArray(containers).map(goesOnFor);
  const grace = seconds(terminationGracePeriodSeconds) ?? DEFAULT_GRACE_SECONDS;
  return goOnFor.length === 0 ? 0 : Math.min(...goOnFor, grace);
}

function goesOnFor(container: unknown): number {
  const { sleep, exec, httpGet } = asObject(asObject(asObject(container)['lifecycle'])['preStop']);
  if (exec !== undefined || httpGet !== undefined) return Number.POSITIVE_INFINITY;
  return seconds(asObject(sleep)['seconds']) ?? 0;
}

function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}
