import { NAME_PREFIX } from '../../api/names.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { type Identity, identity, intern, metadata, strings } from './metadata.ts';

/** A pod, as far as its own word on whether it lives goes. */
export interface PodObject extends Identity {
  /** It has a deletionTimestamp. */
  readonly terminating: boolean;
  /** Its phase is Succeeded or Failed. */
  readonly ended: boolean;
  /** Its condition Ready. */
  readonly ready: boolean;
  /** Its containers are ready and its readiness gates are open. */
  readonly able: boolean;
  readonly ips: readonly string[];
  readonly nodeName?: string;
  /** Only those of the operator (`NAME_PREFIX`). */
  readonly annotations: Readonly<Record<string, string>>;
}

export function transformPod(object: unknown): PodObject {
  const { deletionTimestamp, annotations } = metadata(object);
  const { spec, status } = asObject(object);
  const nodeName = intern(asString(asObject(spec)['nodeName']));
  const { phase, conditions, podIP, podIPs } = asObject(status);
  const holds = (type: unknown) => asArray(conditions).some((condition) => isTrue(condition, type));
  const gates = asArray(asObject(spec)['readinessGates']).map((gate) => asObject(gate)['conditionType']);
  const ips = asArray(podIPs).map((entry) => asString(asObject(entry)['ip']));
  return {
    ...identity(object, 'namespaced'),
    terminating: asString(deletionTimestamp) !== '',
    ended: phase === 'Succeeded' || phase === 'Failed',
    ready: holds('Ready'),
    able: ['ContainersReady', ...gates].every(holds),
    ips: [...new Set([asString(podIP), ...ips])].filter((ip) => ip !== ''),
    ...(nodeName === '' ? {} : { nodeName }),
    annotations: ownAnnotations(annotations),
  };
}

function isTrue(condition: unknown, wanted: unknown): boolean {
  const { type, status } = asObject(condition);
  return type === wanted && status === 'True';
}

const NONE: Readonly<Record<string, string>> = Object.freeze({});

/** Thousands of pods have none: they share one object. */
function ownAnnotations(annotations: unknown): Readonly<Record<string, string>> {
  const own = strings(annotations, (annotation) => annotation.startsWith(NAME_PREFIX));
  return Object.keys(own).length === 0 ? NONE : own;
}

/** Whether both say the same, whatever else of the object has changed. */
export function isSamePod(a: PodObject, b: PodObject): boolean {
  const entries = (pod: PodObject) => JSON.stringify(Object.entries(pod.annotations).sort());
  return (
    a.uid === b.uid &&
    a.terminating === b.terminating &&
    a.ended === b.ended &&
    a.ready === b.ready &&
    a.able === b.able &&
    a.ips.join() === b.ips.join() &&
    (a.annotations === b.annotations || entries(a) === entries(b))
  );
}
