import { findCondition } from '../../api/conditions.ts';
import { type AssumedRole, accountOfRole, type GroupRef, vServerGroup } from '../../cloud/group-ref.ts';
import type { LoadBalancerRef } from '../../cloud/server-groups.ts';
import type { BindingMemory } from '../binding/binding-memory.ts';
import type { BindingReporter } from '../binding/binding-reporter.ts';
import type { Finalizers } from '../binding/finalizers.ts';
import { type Granted, isRefused, NOT_GRANTED } from '../binding/granted.ts';
import { type NamedGroupVerdict, verdictOnName, verdictUnasked } from '../binding/named-verdict.ts';
import {
  type BindingObject,
  type ClusterCaches,
  groupIdOf,
  isBeingDeleted,
  regionOf,
  statusOf,
} from '../cluster/cluster-caches.ts';
import type { ReadinessGates } from '../readiness/readiness-gates.ts';
import { GroupFinder, type GroupFinderParts, type GroupList } from './group-finder.ts';

export interface GroupNamesOptions {
  /** The region of bindings that name none. */
  readonly region: string;
  readonly dryRun: boolean;
}

export interface GroupNamesParts extends Pick<GroupFinderParts, 'list' | 'clock' | 'random'> {
  readonly bindings: ClusterCaches['bindings'];
  readonly closedNamespaces: ClusterCaches['closedNamespaces'];
  readonly memory: Pick<BindingMemory, 'forget'>;
  readonly finalizers: Pick<Finalizers, 'release'>;
  readonly reporter: Pick<BindingReporter, 'reportNamed'>;
  /** Undefined: readiness gates are not opened. */
  readonly gates: Pick<ReadinessGates, 'groupless'> | undefined;
  /** Called before every action: false as soon as another replica may lead. */
  readonly mayWrite: () => boolean;
  /** What a binding may do in a group of the load balancer that has not been found yet. */
  readonly granted: (binding: BindingObject, loadBalancerId: string) => Granted;
  readonly onFound: (binding: BindingObject, group: GroupRef) => void;
}

/**
 * Bindings that give the name of their group (`spec.vServerGroup`). The group is looked up once and recorded in the status.
 * When the cache shows the record, the binding is on that group (`groupOf`). Nothing is written to a group before that.
 *
 * | the status records             | the load balancer                              | = what becomes of the binding                     |
 * |--------------------------------|------------------------------------------------|---------------------------------------------------|
 * | a group                        | –                                              | it is on that group, even if the group is renamed |
 * | a group that may be gone       | still lists the group, or does not answer      | it stays on that group                            |
 * | a group that may be gone       | does not list the group                        | as with no group: nothing of the old one is left  |
 * | no group                       | is not granted, and none of its groups can be  | reported; the load balancer is not called         |
 * | no group                       | is of an account whose role may not be assumed | reported; the load balancer is not called         |
 * | no group                       | has one group of the name                      | the group is recorded                             |
 * | no group                       | has no group of the name, or several           | reported; the load balancer is called again       |
 * | no group                       | does not answer                                | reported like any API failure; retried            |
 * | no group, and is being deleted | –                                              | it may go: nothing was ever written for it        |
 */
export class GroupNames {
  readonly #options: GroupNamesOptions;
  readonly #parts: GroupNamesParts;
  readonly #finder: GroupFinder;
  /** By UID: what is being recorded in the status, a group or that there is none any more, until the cache shows it. */
  readonly #recording = new Map<string, NamedGroupVerdict>();

  constructor(options: GroupNamesOptions, parts: GroupNamesParts) {
    this.#options = options;
    this.#parts = parts;
    this.#finder = new GroupFinder({
      ...parts,
      mayAsk: parts.mayWrite,
      onAnswer: (binding, answer) => this.#answered(binding, answer),
    });
  }

  /** Handles a readable binding that is on no group. */
  lookAfter(binding: BindingObject): void {
    if (!this.#parts.mayWrite()) return;
    if (!isBeingDeleted(binding)) {
      const refusal = this.#seek(binding);
      if (refusal !== undefined) this.#report(binding, refusal);
      return;
    }
    this.#finder.forget(binding.key);
    if (!this.#options.dryRun) this.#parts.finalizers.release(binding);
  }

  /** The cloud says that the binding's group does not exist, or the group is not read as it is not granted. */
  groupMayBeGone(binding: BindingObject): void {
    if (!isBeingDeleted(binding)) this.#seek(binding);
  }

  /** The cache shows a new version of the binding. */
  observed(old: BindingObject | undefined, now: BindingObject): void {
    const shown = groupIdOf(now);
    const recording = this.#recording.get(now.uid);
    if (recording !== undefined && recording.id === shown) this.#recording.delete(now.uid);
    if (old === undefined || groupIdOf(old) === shown) return;
    // What the binding had in the old group is gone with that group.
    this.#parts.memory.forget(old);
    this.#finder.forget(now.key);
  }

  /** A group other than the one that the cache shows is being recorded: results of the old group must not be reported. */
  isRecording({ uid }: BindingObject): boolean {
    return this.#recording.has(uid);
  }

  /** The binding is gone. */
  forget({ key, uid }: BindingObject): void {
    this.#finder.forget(key);
    this.#recording.delete(uid);
  }

  /** The credentials of this role (undefined: the operator's own) have changed. */
  credentialsChanged(role: AssumedRole | undefined): void {
    this.#finder.credentialsChanged(role);
  }

  stop(): void {
    this.#finder.stop();
  }

  /** Starts the lookup. Returns the verdict to report if grants or role forbid it: the load balancer is not called then. */
  #seek(binding: BindingObject): NamedGroupVerdict | undefined {
    const named = this.#namedBy(binding);
    if (named === undefined) return undefined;
    const { loadBalancer } = named;
    const granted = this.#parts.granted(binding, loadBalancer.id);
    if (!isRefused(granted)) {
      const found = this.#recording.get(binding.uid);
      // The status may have been written without the group since.
      if (found?.id !== undefined) this.#report(binding, found);
      else if (this.#finder.seek(binding.key, loadBalancer)) this.#parts.gates?.groupless(binding, undefined);
      return undefined;
    }
    this.#finder.forget(binding.key);
    this.#recording.delete(binding.uid);
    if (granted.is !== 'unknown') return verdictUnasked(binding, granted, loadBalancer);
    this.#parts.gates?.groupless(binding, undefined);
    return undefined;
  }

  #report(binding: BindingObject, found: NamedGroupVerdict): void {
    this.#parts.reporter.reportNamed(binding, found);
    this.#parts.gates?.groupless(binding, found.id === undefined ? found.verdict : undefined);
  }

  #namedBy(
    binding: BindingObject,
  ): { readonly loadBalancer: LoadBalancerRef; readonly name: string } | undefined {
    const regionId = regionOf(binding, this.#options.region);
    const { vServerGroup: named, assumeRole: role } = binding.parsed.ok ? binding.parsed.binding.spec : {};
    if (regionId === undefined || named === undefined) return undefined;
    const account = role && accountOfRole(role);
    return { loadBalancer: { regionId, account, role, id: named.loadBalancerId }, name: named.name };
  }

  #answered(key: string, answer: GroupList): void {
    const { bindings, closedNamespaces, mayWrite, onFound } = this.#parts;
    const object = bindings.get(key);
    const named = object && this.#namedBy(object);
    const recorded = object && groupIdOf(object);
    if (object !== undefined && recorded !== undefined && answer.is === 'failed') {
      // A binding that is not granted asks again at its next resync.
      if (isBeingDeleted(object) || isNotGranted(object)) this.#finder.forget(key);
      return;
    }
    const exists = answer.is === 'listed' && answer.groups.some(({ id }) => id === recorded);
    const isOver = object === undefined || isBeingDeleted(object) || closedNamespaces.has(object.namespace);
    if (isOver || named === undefined || exists) {
      this.#finder.forget(key);
      return;
    }
    const { loadBalancer, name } = named;
    const found = verdictOnName(name, loadBalancer, answer);
    if (found === undefined || !mayWrite()) return;
    if (found.id !== recorded) this.#recording.set(object.uid, found);
    if (found.id !== undefined) {
      // However long it takes to record the id, the load balancer is not asked for it again.
      this.#finder.forget(key);
      onFound(object, vServerGroup(loadBalancer.regionId, found.id, loadBalancer));
    }
    this.#report(object, found);
  }
}

function isNotGranted(binding: BindingObject): boolean {
  return findCondition(statusOf(binding)?.conditions ?? [], 'Ready')?.reason === NOT_GRANTED;
}
