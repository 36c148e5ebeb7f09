import { DEFAULT_DRAIN, type VServerGroupBindingSpec } from '../api/vservergroupbinding.ts';

/** Beyond drain and propagation: for what is under way when they end. */
export const HOLD_MARGIN_SECONDS = 5;

/** For how many seconds a pod has to serve after its deletion, so that nothing is sent to it once it is asked to stop. */
export function neededHoldSeconds(drainSeconds: number, propagationSeconds: number): number {
  return drainSeconds + propagationSeconds + HOLD_MARGIN_SECONDS;
}

/** The same of the pods of a binding. `defaultDrainSeconds`: of bindings that name no drain (--default-drain-seconds). */
export function holdSecondsFor(
  { drain = DEFAULT_DRAIN }: Pick<VServerGroupBindingSpec, 'drain'>,
  defaultDrainSeconds: number,
): number {
  return neededHoldSeconds(drain.seconds ?? defaultDrainSeconds, drain.propagationSeconds);
}
