import { HOLD_ANNOTATION } from '../../api/names.ts';
import type { VServerGroupBinding } from '../../api/vservergroupbinding.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';
import { byCodeUnit } from '../../membership/backend.ts';
import type { Desired } from '../../membership/desired/member.ts';
import { holdSecondsFor } from '../../zero-downtime/hold.ts';
import { type BindingObject, type ClusterCaches, isBeingDeleted } from '../cluster/cluster-caches.ts';
import type { NamespacePods } from '../cluster/namespace-pods.ts';
import { exemptionOf } from '../readiness/exemption.ts';
import { messages } from './messages.ts';

/** What the pods of a binding need to come and go without a failed request, and how many lack it. */
export interface Preparation {
  /** For how long they have to be held. */
  readonly holdSeconds: number;
  /** Undefined while they are not known. */
  readonly lacking: Lacking | undefined;
}

export interface Lacking {
  /** Pods that are held for less. */
  readonly hold: number;
  /** Pods without our readiness gate; undefined: nothing would open it. */
  readonly gate: number | undefined;
  /** Some are held for less although their annotation says that they have a hold. */
  readonly heldTooShort: TooShort | undefined;
}

/** Pods come and go: `about` stays the same as long as those of the same holds do. */
interface TooShort {
  readonly message: string;
  readonly about: string;
}

export interface PreparationOptions {
  readonly defaultDrainSeconds: number;
  readonly readinessGates: boolean;
  readonly dryRun: boolean;
}

/** What pods lack, by what their binding wants: that is another object whenever its spec or its pods are others. */
export type LackingCache = WeakMap<Desired, Lacking>;

interface PreparationParts {
  readonly caches: Pick<ClusterCaches, 'pods'>;
  readonly memory: { readonly lacking: LackingCache };
}

/**
 * | the binding                            | = what it reports                                                    |
 * |----------------------------------------|----------------------------------------------------------------------|
 * | `ecs`, or being deleted                | nothing: nodes are the backends, and none of their pods is looked at |
 * | its pods are not known (yet)           | how long they have to be held                                        |
 * | any other                              | and how many of its members are held for less                        |
 * | … whose gates are opened (exemption.ts) | and how many have no gate                                           |
 */
export function preparationOf(
  object: BindingObject,
  { spec }: VServerGroupBinding,
  desired: Desired | undefined,
  ref: GroupRef,
  { caches, memory }: PreparationParts,
  options: PreparationOptions,
): Preparation | undefined {
  if (spec.backendType === 'ecs' || isBeingDeleted(object)) return undefined;
  const holdSeconds = holdSecondsFor(spec, options.defaultDrainSeconds);
  const pods = caches.pods.in(object.namespace);
  if (desired?.kind !== 'members' || pods === undefined) return { holdSeconds, lacking: undefined };
  const known = memory.lacking.get(desired);
  if (known !== undefined) return { holdSeconds, lacking: known };
  const opensGates = options.readinessGates && exemptionOf(object, options.dryRun) === undefined;
  const lacking = lackingOf(podsOf(object, desired, pods), holdSeconds, opensGates, ref);
  memory.lacking.set(desired, lacking);
  return { holdSeconds, lacking };
}

/** Endpoints of other clusters have none here. */
function podsOf(
  { namespace }: BindingObject,
  { members }: Desired & { kind: 'members' },
  pods: NamespacePods,
): readonly PodObject[] {
  const found = members.flatMap(({ pod: name, podUID: uid = '' }) =>
    name === undefined ? [] : (pods.get({ namespace, name, uid }) ?? []),
  );
  return [...new Set(found)];
}

function lackingOf(
  pods: readonly PodObject[],
  holdSeconds: number,
  opensGates: boolean,
  ref: GroupRef,
): Lacking {
  const unheld = pods.filter((pod) => pod.holdSeconds < holdSeconds);
  return {
    hold: unheld.length,
    gate: opensGates ? pods.filter(({ registrable }) => registrable === undefined).length : undefined,
    heldTooShort: tooShort(unheld, holdSeconds, ref),
  };
}

function tooShort(unheld: readonly PodObject[], holdSeconds: number, ref: GroupRef): TooShort | undefined {
  const pods = unheld
    .filter(({ annotations }) => annotations[HOLD_ANNOTATION] !== undefined)
    .sort((a, b) => byCodeUnit(a.name, b.name));
  if (pods.length === 0) return undefined;
  const holds = new Set(pods.map((pod) => pod.holdSeconds).sort((a, b) => a - b));
  return {
    message: messages.holdTooShort(pods, holdSeconds, ref),
    about: `${[...holds].join()} of ${holdSeconds}`,
  };
}
