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

/** What the pods of a binding need in order to come and go without failed requests, and how many lack it. */
export interface Preparation {
  /** How long the pods have to be held. */
  readonly holdSeconds: number;
  /** Undefined while the pods are not known. */
  readonly lacking: Lacking | undefined;
}

export interface Lacking {
  /** Number of pods that are held for less. */
  readonly hold: number;
  /** Number of pods without our readiness gate; undefined if nothing would open the gate. */
  readonly gate: number | undefined;
  /** Set if some pods are held for less although they have the annotation of a hold. */
  readonly heldTooShort: TooShort | undefined;
}

/** `about` names the holds and not the pods, so that it stays the same while pods with the same holds come and go. */
interface TooShort {
  readonly message: string;
  readonly about: string;
}

export interface PreparationOptions {
  readonly defaultDrainSeconds: number;
  /** See GatherOptions. */
  readonly opensGates: boolean;
}

/** What pods lack, by what their binding wants: that is a new object whenever the spec or the pods change. */
export type LackingCache = WeakMap<Desired, Lacking>;

interface PreparationParts {
  readonly caches: Pick<ClusterCaches, 'pods'>;
  readonly memory: { readonly lacking: LackingCache };
}

/**
 * | the binding                             | = what it reports                                              |
 * |-----------------------------------------|----------------------------------------------------------------|
 * | is being deleted                        | nothing                                                        |
 * | `backendType: ecs`                      | nothing: nodes are the backends, and pods are not looked at    |
 * | its pods are not known (yet)            | how long the pods have to be held                              |
 * | any other                               | … and how many of them are held for less                       |
 * | … whose gates are opened (exemption.ts) | … and how many have no gate                                    |
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
  const opensGates = options.opensGates && exemptionOf(object) === undefined;
  const lacking = lackingOf(podsOf(object, desired, pods), holdSeconds, opensGates, ref);
  memory.lacking.set(desired, lacking);
  return { holdSeconds, lacking };
}

/** The pods of the members. Endpoints of other clusters have no pod here. */
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
