import { asArray, asObject } from '../../json.ts';

/** Kubernetes' own, where a pod says nothing. */
export const DEFAULT_GRACE_SECONDS = 30;

/**
 * For how many seconds at least all containers of a pod go on as before once it is deleted. 0: not at all.
 *
 * | preStop of a container         | it goes on for                                                           |
 * |--------------------------------|--------------------------------------------------------------------------|
 * | none, or one that always fails | no time                                                                  |
 * | `sleep`                        | so long                                                                  |
 * | `exec`, `httpGet`              | who knows: as long as the grace period allows                            |
 *
 * The grace period begins with the deletion. A sleep may be as long, which the API server sees to: the kubelet leaves two seconds
 * after it. Sidecars are asked to stop last, and count for nothing here.
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
