import { NAME_PREFIX, READINESS_GATE } from '../../api/names.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { holdSecondsOf } from './hold.ts';
import { type Identity, identity, intern, metadata, strings } from './metadata.ts';

/** A pod: the fields that say whether it is alive and can serve. */
export interface PodObject extends Identity {
  /** It has a deletionTimestamp. */
  readonly terminating: boolean;
  /** Its phase is Succeeded or Failed. */
  readonly ended: boolean;
  /** Its condition Ready. */
  readonly ready: boolean;
  /** Its containers are ready and its readiness gates are open. */
  readonly able: boolean;
  /** It is ready except for the gates of load balancers. Only set for pods with our gate. */
  readonly registrable?: boolean;
  /** See `holdSecondsOf`. */
  readonly holdSeconds: number;
  readonly ips: readonly string[];
  readonly nodeName?: string;
  /** Only the operator's annotations (`NAME_PREFIX`). */
  readonly annotations: Readonly<Record<string, string>>;
}

export function transformPod(object: unknown): PodObject {
  const { deletionTimestamp, annotations } = metadata(object);
  const { spec, status } = asObject(object);
  const nodeName = intern(asString(asObject(spec)['nodeName']));
  const { conditions, podIP, podIPs } = asObject(status);
  const holds = (type: unknown) => asArray(conditions).some((condition) => isTrue(condition, type));
  const gates = gatesOf(spec);
  const addresses = asArray(podIPs).map((entry) => asString(asObject(entry)['ip']));
  const ips = [...new Set([asString(podIP), ...addresses])].filter((ip) => ip !== '');
  return {
    ...identity(object, 'namespaced'),
    terminating: asString(deletionTimestamp) !== '',
    ended: hasEnded(status),
    ready: holds('Ready'),
    able: ['ContainersReady', ...gates].every(holds),
    ...(gates.includes(READINESS_GATE) && { registrable: isRegistrable(gates, holds) }),
    holdSeconds: holdSecondsOf(spec),
    // A copy, because what filter returns has room for 16 more.
    ips: ips.slice(),
    ...(nodeName === '' ? {} : { nodeName }),
    annotations: ownAnnotations(annotations),
  };
}

export function hasEnded(status: unknown): boolean {
  const { phase } = asObject(status);
  return phase === 'Succeeded' || phase === 'Failed';
}

/** The condition types of its readiness gates. */
export function gatesOf(spec: unknown): readonly string[] {
  return asArray(asObject(spec)['readinessGates']).map((gate) => asString(asObject(gate)['conditionType']));
}

/**
 * Gates that other controllers open once the pod is in their load balancer. If two gates waited for each other, neither would
 * ever open.
 * https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/
 * https://cloud.google.com/kubernetes-engine/docs/concepts/container-native-load-balancing#pod_readiness
 * https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/use-annotations-to-configure-load-balancing-1
 * https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/use-readinessgate-to-check-pod-readiness-before-associating-pods-with-alb-ingresses-during-rolling-updates
 */
const OF_OTHER_LOAD_BALANCERS =
  /^(target-health\.[a-z0-9.-]*k8s\.aws\/|target-health\.alb\.k8s\.(alibabacloud|alicloud)(\/|$)|cloud\.google\.com\/load-balancer-neg-ready$|service\.readiness\.alibabacloud\.com\/)/;

/** For pods with our gate. `holds`: whether the pod's condition of that type is True. */
export function isRegistrable(gates: readonly string[], holds: (type: string) => boolean): boolean {
  const needed = gates.filter((gate) => gate !== READINESS_GATE && !OF_OTHER_LOAD_BALANCERS.test(gate));
  return ['ContainersReady', ...needed].every(holds);
}

function isTrue(condition: unknown, wanted: unknown): boolean {
  const { type, status } = asObject(condition);
  return type === wanted && status === 'True';
}

const NONE: Readonly<Record<string, string>> = Object.freeze({});

/** Thousands of pods have no such annotations, so they share one object. */
function ownAnnotations(annotations: unknown): Readonly<Record<string, string>> {
  const own = strings(annotations, (annotation) => annotation.startsWith(NAME_PREFIX));
  return Object.keys(own).length === 0 ? NONE : own;
}

/** Whether all fields that can change and matter here are equal. */
export function isSamePod(a: PodObject, b: PodObject): boolean {
  const entries = (pod: PodObject) => JSON.stringify(Object.entries(pod.annotations).sort());
  return (
    a.uid === b.uid &&
    a.terminating === b.terminating &&
    a.ended === b.ended &&
    a.ready === b.ready &&
    a.able === b.able &&
    a.registrable === b.registrable &&
    a.ips.join() === b.ips.join() &&
    (a.annotations === b.annotations || entries(a) === entries(b))
  );
}
