import type { BackendKey, Row, Slot } from '../backend.ts';
import type { Desired, Member } from '../desired/member.ts';

/**
 * What one binding wants from its group. Bindings that share a group are planned together, so that none removes what another
 * one wants.
 */
export interface Claim {
  /** `namespace/name` of the binding; claims are planned in this order. */
  readonly id: string;
  readonly uid: string;
  /** The Description of the rows that this binding adds. */
  readonly tag: string;
  readonly mode: 'Sync' | 'RemoveOnly';
  readonly ownership: 'Shared' | 'Exclusive';
  readonly desired: Desired;
  /** The backends that the binding already owns, by its status: besides the tag, the other proof of ownership; and strangers. */
  readonly records: ReadonlyMap<BackendKey, BackendRecord>;
  /** Whether the status stored in the API server shows the row as the binding's, with this drain; only that survives this process. */
  readonly shows: (key: BackendKey, drain?: Drain) => boolean;
  /** The former member at this slot, if the slot is free now. */
  readonly formerAt: (slot: Slot) => Origin | undefined;
  /** Milliseconds between weight 0 and removal; 0 removes immediately. */
  readonly drainMs: number;
  readonly minBackends: number;
  /** The rows of this binding are not changed. */
  readonly suspended: boolean;
  /** The binding is being deleted: its backends leave, and minBackends holds none of them. */
  readonly deleting: boolean;
  /** Its namespace may change the group (grants.ts). Otherwise it only deals with rows that are proven to be its own. */
  readonly granted: boolean;
  /**
   * False while it is not granted, and until the finalizer that guards the additions is set and the pods' weights are known.
   * While false, no weights are set either.
   */
  readonly mayAdd: boolean;
  /** UIDs of the live pods; undefined until these are known. */
  readonly livePods: { has(uid: string): boolean } | undefined;
  /** UIDs of those that are Ready; undefined until these are known. */
  readonly readyPods: { has(uid: string): boolean } | undefined;
  readonly liveNodes: { has(name: string): boolean };
  /** Nodes whose backends have weight 0 until their drain ends. */
  readonly drainedNodes: { has(name: string): boolean };
  /** Nodes that cannot be relied on (unreachable.ts): whoever is held there gets no weight back. */
  readonly doubtfulNodes: { has(name: string): boolean };
}

/** The pod and node that a row stands for, and whether it is a stranger. */
export type Origin = Pick<BackendRecord, 'pod' | 'podUID' | 'node' | 'stranger'>;

/** What is remembered of a former member: a pod by its address, or an instance. */
export type FormerMember = Pick<Member, 'slot' | 'type' | 'ip' | 'instanceId' | 'port'> & Origin;

/** What the status records for a draining row, so that the next leader can end the drain or restore the weight. */
export interface Drain {
  /** The weight that it gets back if it stays after all. */
  readonly weight: number;
  /** `Clock.now()` milliseconds; undefined while only its node is drained. */
  readonly since: number | undefined;
}

/** One backend that a binding owns, or a stranger that leaves, and its origin. */
export interface BackendRecord {
  /** `weight` is its current weight or, while it drains or is held, the weight that it gets back if it stays after all. */
  readonly row: Row;
  readonly state: 'Registered' | 'Draining' | 'Removing' | 'Held';
  readonly pod?: string | undefined;
  readonly podUID?: string | undefined;
  readonly node?: string | undefined;
  /** A row of somebody else, which leaves because the binding is `Exclusive`: the record proves no ownership, and no status has it. */
  readonly stranger?: true | undefined;
  /** `Clock.now()` milliseconds; written down as a wall-clock time, because a drain outlives the process that began it. */
  readonly drainingSince?: number | undefined;
}
