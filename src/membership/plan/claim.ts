import type { BackendKey, Row, Slot } from '../backend.ts';
import type { Desired, Member } from '../desired/member.ts';

/**
 * What one binding asks of its group. Several bindings may share a group; they are planned together, so that none
 * removes what another one wants.
 */
export interface Claim {
  /** `namespace/name` of the binding; claims are planned in this order. */
  readonly id: string;
  readonly uid: string;
  /** The Description that this binding's additions carry. */
  readonly tag: string;
  readonly mode: 'Sync' | 'RemoveOnly';
  readonly ownership: 'Shared' | 'Exclusive';
  readonly desired: Desired;
  /** What the binding is known to own from before, by its status: the second proof of ownership beside the tag. */
  readonly records: ReadonlyMap<BackendKey, BackendRecord>;
  /** Whether its status as the API server has it names the row as its own, and this drain of it: only that outlives the process. */
  readonly shows: (key: BackendKey, drain?: Drain) => boolean;
  /** A former member at this place, which is free now. */
  readonly formerAt: (slot: Slot) => Origin | undefined;
  /** Milliseconds between weight 0 and removal; 0 removes at once. */
  readonly drainMs: number;
  readonly minBackends: number;
  /** Nothing that this binding owns is touched. */
  readonly suspended: boolean;
  /** The binding is going: its backends leave, and minBackends holds none of them. */
  readonly deleting: boolean;
  /** Its namespace may change the group (grants.ts). Else it has to do with no row but those that are proven to be its own. */
  readonly granted: boolean;
  /**
   * False while it is not granted, and until the finalizer that guards the additions is in place and the pods' weights are
   * known; then nothing is weighed either.
   */
  readonly mayAdd: boolean;
  /** UIDs of the pods that exist; undefined while that is not known. */
  readonly livePods: { has(uid: string): boolean } | undefined;
  readonly liveNodes: { has(name: string): boolean };
}

/** Where a row comes from. */
export type Origin = Pick<BackendRecord, 'pod' | 'podUID' | 'node'>;

/** What is remembered of a member: a pod by its address, or an instance. */
export type FormerMember = Pick<Member, 'slot' | 'type' | 'ip' | 'instanceId' | 'port'> & Origin;

/** What the status records of a draining row, so that the next leader can end the drain or restore the weight. */
export interface Drain {
  /** The one that it gets back if it stays after all. */
  readonly weight: number;
  /** Milliseconds since the Unix epoch; undefined while only its node is drained. */
  readonly since: number | undefined;
}

/** One backend that a binding owns, with where it came from. */
export interface BackendRecord {
  /** `weight` is what it has or, while it drains or is held, what it gets back when it stays after all. */
  readonly row: Row;
  readonly state: 'Registered' | 'Draining' | 'Removing' | 'Held';
  readonly pod?: string | undefined;
  readonly podUID?: string | undefined;
  readonly node?: string | undefined;
  /** Milliseconds since the Unix epoch: a drain outlives the process that began it. */
  readonly drainingSince?: number | undefined;
}
