import { DEFAULT_DRAIN, type VServerGroupBindingSpec } from '../api/vservergroupbinding.ts';

/** Time beyond drain and propagation, for requests that are still in flight when these end. */
export const HOLD_MARGIN_SECONDS = 5;

/** How many seconds a pod must keep serving after its deletion, so that it gets no more requests once it is told to stop. */
export function neededHoldSeconds(drainSeconds: number, propagationSeconds: number): number {
  return drainSeconds + propagationSeconds + HOLD_MARGIN_SECONDS;
}

/** The needed hold for the pods of a binding. `defaultDrainSeconds` (--default-drain-seconds) applies to bindings that set none. */
export function holdSecondsFor(
  { drain = DEFAULT_DRAIN }: Pick<VServerGroupBindingSpec, 'drain'>,
  defaultDrainSeconds: number,
): number {
  return neededHoldSeconds(drain.seconds ?? defaultDrainSeconds, drain.propagationSeconds);
}
