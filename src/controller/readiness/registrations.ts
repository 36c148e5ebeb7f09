import { DEFAULT_READINESS } from '../../api/vservergroupbinding.ts';
import type { LoadBalancerRef } from '../../cloud/server-groups.ts';
import type { GatedPodObject, ServiceObject } from '../../kubernetes/objects/objects.ts';
import type { BackendKey } from '../../membership/backend.ts';
import type { Registration } from '../../membership/readiness/gate.ts';
import { registrationByHealth } from '../../membership/readiness/health.ts';
import { NOT_GRANTED, ROLE_NOT_ALLOWED } from '../binding/granted.ts';
import type { BindingVerdict } from '../binding/verdict.ts';
import {
  type BindingObject,
  type ClusterCaches,
  metadataOf,
  serviceOf,
  specOf,
} from '../cluster/cluster-caches.ts';
import { BindingsOfPods } from './bindings-of-pods.ts';
import {
  EXEMPTION_IN_DRY_RUN,
  type Exemption,
  exemptionByList,
  exemptionOf,
  exemptionWithoutClaim,
} from './exemption.ts';
import { type GroupFacts, GroupRegistrations } from './group-registrations.ts';
import type { HealthChecks } from './health-checks.ts';

/** What one pod waits for. */
export interface Wants {
  /** One for each binding that wants the pod. */
  readonly registrations: readonly Registration[];
  /** The UIDs of these bindings. */
  readonly wantedBy: ReadonlySet<string>;
  /** By UID of the binding. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** The load balancers whose report on its health the pod waits for. */
  readonly loadBalancers: readonly LoadBalancerRef[];
}

/** A pod's registration in the group of a binding. It begins anew when the pod gets other rows. */
interface Standing {
  /** The keys of its rows, sorted and joined. */
  readonly rows: string;
  /** `Clock.now()` milliseconds. */
  readonly since: number;
  /** Found healthy since the pod began to wait: its health is not checked again while the pod waits for something else. */
  readonly isHealthy: boolean;
}

export const NOTHING: Wants = {
  registrations: [],
  wantedBy: new Set(),
  standings: new Map(),
  loadBalancers: [],
};

/** What is known about a binding since the last reconcile, or the last lookup, of its group. */
interface Known {
  /** It is valid while these are unchanged. Undefined: whatever changes, since nothing that names the group can be changed. */
  readonly basis: Basis | undefined;
  readonly progress: Pick<GroupRegistrations, 'of'>;
  /** Undefined if the group's load balancer is not known. */
  readonly loadBalancer: LoadBalancerRef | undefined;
}

interface Basis {
  readonly generation: number | undefined;
  readonly service: ServiceObject | undefined;
}

/** Tracks how far the bindings that want a pod are with it. */
export class Registrations {
  readonly #caches: Pick<ClusterCaches, 'bindings' | 'services' | 'endpoints'>;
  readonly #dryRun: boolean;
  /** Undefined: this kind of group does not report health. */
  readonly #health: HealthChecks | undefined;
  readonly #bindings: BindingsOfPods;
  /** By UID of the binding. */
  readonly #known = new Map<string, Known>();

  constructor(
    caches: Pick<ClusterCaches, 'bindings' | 'services' | 'endpoints'>,
    dryRun: boolean,
    health: HealthChecks | undefined,
  ) {
    this.#caches = caches;
    this.#dryRun = dryRun;
    this.#health = health;
    this.#bindings = new BindingsOfPods(caches);
  }

  /** The binding's group was reconciled as far as it can go now. */
  concluded(binding: BindingObject, facts: GroupFacts): void {
    const { report, group, granted } = facts;
    if (report === undefined && granted.is === 'unknown') {
      this.#known.delete(binding.uid);
      return;
    }
    const { regionId, account, role } = group.ref;
    const id = group.view.loadBalancerId;
    this.#known.set(binding.uid, {
      basis: this.#basisOf(binding),
      progress:
        report === undefined
          ? { of: () => ({ is: 'exempt', ...exemptionWithoutClaim(binding, granted, group.ref) }) }
          : new GroupRegistrations(facts, report),
      loadBalancer: id === undefined ? undefined : { regionId, account, role, id },
    });
  }

  /** See ReadinessGates. */
  groupless({ uid }: BindingObject, verdict: BindingVerdict | undefined): void {
    if (verdict === undefined) this.#known.delete(uid);
    else this.#known.set(uid, { basis: undefined, progress: progressBy(verdict), loadBalancer: undefined });
  }

  forget({ uid }: BindingObject): void {
    this.#known.delete(uid);
  }

  /**
   * @param before The previous result for the pod.
   * @param waits Whether only the gate keeps the pod from being Ready.
   * @param now `Clock.now()` milliseconds.
   */
  of(pod: GatedPodObject, before: Wants, waits: boolean, now: number): Wants {
    const standings = new Map<string, Standing>();
    const loadBalancers: LoadBalancerRef[] = [];
    const wanting = this.#bindings.of(pod);
    const registrations = wanting.map((binding): Registration => {
      const { gate, timeoutSeconds, settleSeconds } = specOf(binding).readiness ?? DEFAULT_READINESS;
      const timeoutMs = timeoutSeconds * 1000;
      const exemption = this.#exemptionOf(binding, pod);
      if (exemption !== undefined) return { is: 'exempt', ...exemption };
      const known = this.#knownOf(binding);
      if (known === undefined)
        return { is: 'unknown', message: 'nothing is known about its group', timeoutMs };
      const progress = known.progress.of(pod.uid);
      if (progress.is === 'exempt') return progress;
      if (progress.is === 'waiting') return { ...progress, timeoutMs };
      const rows = progress.backends.toSorted().join(' ');
      const standing = before.standings.get(binding.uid);
      const { since, isHealthy } = standing?.rows === rows ? standing : { since: now, isHealthy: false };
      const registered = { is: 'registered', since, settleMs: settleSeconds * 1000 } as const;
      const asks = gate === 'Healthy' && waits && !isHealthy;
      const registration = asks
        ? this.#byHealth(registered, progress.backends, known.loadBalancer, timeoutMs)
        : registered;
      if (registration.is !== 'registered' && known.loadBalancer) loadBalancers.push(known.loadBalancer);
      standings.set(binding.uid, { rows, since, isHealthy: waits && registration === registered });
      return registration;
    });
    return { registrations, wantedBy: new Set(wanting.map(({ uid }) => uid)), standings, loadBalancers };
  }

  #exemptionOf(binding: BindingObject, pod: GatedPodObject): Exemption | undefined {
    if (this.#dryRun) return EXEMPTION_IN_DRY_RUN;
    const exemption = exemptionOf(binding);
    if (exemption !== undefined) return exemption;
    return this.#bindings.isListedNotReady(pod, binding) ? exemptionByList(binding) : undefined;
  }

  #byHealth(
    registered: Extract<Registration, { is: 'registered' }>,
    backends: readonly BackendKey[],
    loadBalancer: LoadBalancerRef | undefined,
    timeoutMs: number,
  ): Registration {
    if (this.#health === undefined) return registered;
    const health = loadBalancer && this.#health.of(loadBalancer, backends);
    return registrationByHealth(registered, loadBalancer?.id, health, timeoutMs);
  }

  #knownOf(binding: BindingObject): Known | undefined {
    const known = this.#known.get(binding.uid);
    if (known?.basis === undefined) return known;
    const { generation, service } = this.#basisOf(binding);
    return known.basis.generation === generation && known.basis.service === service ? known : undefined;
  }

  #basisOf(binding: BindingObject): Basis {
    return {
      generation: metadataOf(binding).generation,
      service: this.#caches.services.get(serviceOf(binding) ?? ''),
    };
  }
}

/** How far a binding that is on no group is with any pod: it waits for a group, unless none is looked for. */
function progressBy({ reason, message }: BindingVerdict): Known['progress'] {
  const isExempt = reason === NOT_GRANTED || reason === ROLE_NOT_ALLOWED;
  return {
    of: () =>
      isExempt ? { is: 'exempt', reason, message } : { is: 'waiting', reason, message, hasRow: false },
  };
}
