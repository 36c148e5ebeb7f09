/** Every name that users meet on objects. They write them into manifests and scripts: a change of one is a breaking change. */

export const API_GROUP = 'slb.alibabacloud.com';
export const SCHEMA_VERSION = 'v1beta1';
export const API_VERSION = `${API_GROUP}/${SCHEMA_VERSION}`;
export const KIND = 'VServerGroupBinding';
export const PLURAL = 'vservergroupbindings';
export const SHORT_NAME = 'vsgb';
export const CATEGORY = 'slb';

/** How the operator is named where it signs: field manager, user agent, lease, session of a RAM role, label of its objects. */
export const OPERATOR = 'vservergroup-operator';
/** The same of `kubectl vsgb`. */
export const PLUGIN = 'kubectl-vsgb';
/** `reportingController` of events. */
export const REPORTING_CONTROLLER = `${API_GROUP}/${OPERATOR}`;

/** What labels, annotations and finalizers of the operator start with. */
export const NAME_PREFIX = `${API_GROUP}/`;
/** Kept on a binding until its backends have left the group. */
export const FINALIZER = `${NAME_PREFIX}backends`;
/** On a node, with any value: the node's backends get weight 0. `kubectl vsgb drain` sets it. */
export const DRAIN_LABEL = `${NAME_PREFIX}drain`;
/** On a pod: the weight of its backends, 0 to 100, instead of `spec.weight`. */
export const WEIGHT_ANNOTATION = `${NAME_PREFIX}weight`;
/** In a pod's `spec.readinessGates`, and the condition that opens it: the pod is in every group that wants it. */
export const READINESS_GATE = `${NAME_PREFIX}load-balancer-ready`;
/** On a pod: for how many seconds `kubectl vsgb inject`, or the webhook, made its containers sleep before they are ended. */
export const HOLD_ANNOTATION = `${NAME_PREFIX}hold`;
/**
 * On a namespace, with the value `enabled`: the webhook gives gate and hold to its new pods. On a pod, with the value `disabled`: it
 * gets neither.
 */
export const ZERO_DOWNTIME_LABEL = `${NAME_PREFIX}zero-downtime`;

/**
 * On a namespace: the groups and load balancers that its bindings may change, with --require-grants. The policies of
 * With deploy/policies only those who may `grant` `vservergroups` can write it.
 */
export const GRANTS_ANNOTATION = `${NAME_PREFIX}grants`;

/** What the Description of an own backend starts with. */
export const TAG_PREFIX = 'vsgb';

/** kstatus: Ready is the answer; Reconciling and Stalled say why it is not there yet. */
export const CONDITION_TYPES = {
  Ready: 'The group holds what it should.',
  Reconciling: 'Work is under way, or continues automatically.',
  Stalled: 'Nothing continues until someone acts.',
} as const;

export type ConditionType = keyof typeof CONDITION_TYPES;
