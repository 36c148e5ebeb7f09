import { READINESS_GATE } from '../../api/names.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { type Identity, identity, intern, metadata, strings } from './metadata.ts';
import { gatesOf, hasEnded, isRegistrable } from './pods.ts';

/** A pod with our readiness gate. */
export interface GatedPodObject extends Identity {
  readonly labels: Readonly<Record<string, string>>;
  /** It has a deletionTimestamp, or has ended. */
  readonly leaving: boolean;
  /** It is ready except for the gates of load balancers. */
  readonly registrable: boolean;
  /** The condition of our gate; undefined if there is none yet. */
  readonly gate: { readonly open: boolean; readonly reason: string } | undefined;
}

/** Returns undefined for pods without the gate, which most pods are. */
export function transformGatedPod(object: unknown): GatedPodObject | undefined {
  const { spec, status } = asObject(object);
  const gates = gatesOf(spec);
  if (!gates.includes(READINESS_GATE)) return undefined;
  const { deletionTimestamp, labels } = metadata(object);
  const conditions = asArray(asObject(status)['conditions']).map(asObject);
  const find = (wanted: string) => conditions.find(({ type }) => type === wanted);
  const holds = (type: string) => find(type)?.['status'] === 'True';
  const gate = find(READINESS_GATE);
  return {
    ...identity(object, 'namespaced'),
    labels: strings(labels),
    leaving: asString(deletionTimestamp) !== '' || hasEnded(status),
    registrable: isRegistrable(gates, holds),
    gate: gate && { open: gate['status'] === 'True', reason: intern(asString(gate['reason'])) },
  };
}

/** Also returns undefined for settled pods, which most pods with the gate are most of the time. */
export function transformUnsettledPod(object: unknown): GatedPodObject | undefined {
  const pod = transformGatedPod(object);
  return pod === undefined || isSettled(pod) ? undefined : pod;
}

/** While this is true, the pod's gate does not change. */
export function isSettled({
  leaving,
  registrable,
  gate,
}: Pick<GatedPodObject, 'leaving' | 'registrable' | 'gate'>): boolean {
  return leaving || (registrable && gate?.open === true);
}
