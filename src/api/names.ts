/** Names that users meet on objects. Users write them into manifests and scripts, so renaming one is a breaking change. */

export const API_GROUP = 'slb.alibabacloud.com';
export const SCHEMA_VERSION = 'v1beta1';
export const API_VERSION = `${API_GROUP}/${SCHEMA_VERSION}`;
export const KIND = 'VServerGroupBinding';
export const PLURAL = 'vservergroupbindings';
export const SHORT_NAME = 'vsgb';
export const CATEGORY = 'slb';

/** The operator's name as field manager, user agent, Lease, RAM role session and label of its objects. */
export const OPERATOR = 'vservergroup-operator';
/** The name of `kubectl vsgb` in the same places. */
export const PLUGIN = 'kubectl-vsgb';
/** `reportingController` of events. */
export const REPORTING_CONTROLLER = `${API_GROUP}/${OPERATOR}`;

/** Prefix of the operator's labels, annotations and finalizers. */
export const NAME_PREFIX = `${API_GROUP}/`;
/** Stays on a binding until its backends have left the group. */
export const FINALIZER = `${NAME_PREFIX}backends`;
/** On a node, with any value: the node's backends get weight 0. `kubectl vsgb drain` sets it. */
export const DRAIN_LABEL = `${NAME_PREFIX}drain`;
/** On a pod: the weight of its backends, 0 to 100, instead of `spec.weight`. */
export const WEIGHT_ANNOTATION = `${NAME_PREFIX}weight`;
/** Used in a pod's `spec.readinessGates`, and as the condition that opens the gate: the pod is in every group that wants it. */
export const READINESS_GATE = `${NAME_PREFIX}load-balancer-ready`;
/** On a pod: for how many seconds `kubectl vsgb inject` or the webhook made its containers sleep before they are stopped. */
export const HOLD_ANNOTATION = `${NAME_PREFIX}hold`;
/**
 * On a namespace, with the value `enabled`: the webhook gives gate and hold to its new pods. On a pod, with the value `disabled`: the pod
 * gets neither.
 */
export const ZERO_DOWNTIME_LABEL = `${NAME_PREFIX}zero-downtime`;

/**
 * On a namespace: the groups and load balancers that its bindings may change, with --require-grants. With deploy/policies, only users who
 * may `grant` `vservergroups` can write it.
 */
export const GRANTS_ANNOTATION = `${NAME_PREFIX}grants`;

/** Prefix of the Description of an own backend. */
export const TAG_PREFIX = 'vsgb';

/** kstatus: Ready is the overall result; Reconciling and Stalled say why the binding is not Ready yet. */
export const CONDITION_TYPES = {
  Ready: 'The group holds what it should.',
  Reconciling: 'Work is under way, or continues automatically.',
  Stalled: 'Nothing continues until someone acts.',
} as const;

export type ConditionType = keyof typeof CONDITION_TYPES;
