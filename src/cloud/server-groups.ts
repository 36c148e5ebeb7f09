import type { BackendKey, HealthStatus, Row, WriteAction } from '../membership/backend.ts';
import type { ApiError } from './api-error.ts';
import type { GroupRef, Scope } from './group-ref.ts';

/**
 * The server groups of one kind, as the controller knows them: the vServer groups of a classic load balancer, say.
 * Every method rejects with an `ApiError` and nothing else, except for a programming error, an aborted signal (its
 * reason), and a write that was not sent (`WithdrawnError`).
 *
 * Two kinds of writes fit: those that are done with the reply, which then holds the group's full list, and those that
 * are accepted as a job. While a job is under way `describe` answers `pending`, and how it ended is asked with `job`.
 *
 * A kind that refuses a whole call because one of its rows is there (or gone) already says so with an error of unknown
 * outcome: the group is read before anything else, and planned anew.
 */
export interface ServerGroups {
  readonly limits: GroupLimits;

  /** The group's rows, all of them; pages are hidden. Waits for its turn by itself. */
  describe(group: GroupRef, options?: CallOptions): Promise<GroupDescription>;

  /** All groups of a load balancer; pages are hidden. Waits for its turn by itself. */
  list(loadBalancer: LoadBalancerRef, options?: Pick<CallOptions, 'signal'>): Promise<readonly NamedGroup[]>;

  /**
   * What health checks say of the backends of a load balancer (`GroupDescription.loadBalancerId`), those of all its groups.
   * Waits for its turn by itself, behind everything else. Undefined: this kind does not tell, and what is in a group
   * counts as healthy.
   */
  describeHealth?(
    loadBalancer: LoadBalancerRef,
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<readonly BackendHealth[]>;

  /** Adds rows. What becomes of one that is there already is the kind's affair, so callers compare first. */
  add(group: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply>;

  /** Changes the weight of rows; adds and removes nothing. */
  setWeight(group: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply>;

  /** Removes rows, named as the group showed them. */
  remove(group: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply>;

  /** How far an accepted write is; `done` for ever after it is. Waits for its turn by itself. */
  job(group: GroupRef, jobId: string, options?: Pick<CallOptions, 'signal'>): Promise<JobState>;

  /**
   * Resolves when such a write may be made: rates are per account and product, for some kinds also per action. Urgent
   * ones go first. Writes do not wait by themselves: who plans one acquires first, so that what is sent was planned
   * after the wait.
   */
  acquire(scope: Scope, action: WriteAction, urgent: boolean, signal?: AbortSignal): Promise<void>;
}

export interface GroupLimits {
  /** Rows that one call may carry. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
  /** Characters of a row's description. */
  readonly description: { readonly min: number; readonly max: number };
  /** Milliseconds between two looks at a change that is under way. */
  readonly pollMs: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Asked when the signed request is about to leave, also a second one: a write that may not rejects with `WithdrawnError`. */
  readonly mayLeave?: () => boolean;
}

export interface GroupDescription {
  readonly requestId: string;
  readonly rows: readonly Row[];
  /** Some row, or the group, is still taking in a change: a write now may be refused as busy. */
  readonly pending: boolean;
  readonly loadBalancerId?: string;
  /** Names need not be unique. */
  readonly name?: string;
}

export interface NamedGroup {
  readonly id: string;
  readonly name: string;
}

export interface LoadBalancerRef extends Scope {
  readonly id: string;
}

/** What the check of one listener says of one backend that it sends to. */
export interface BackendHealth {
  readonly backend: BackendKey;
  /** As `tcp:80`. */
  readonly listener: string;
  readonly status: HealthStatus;
}

export type WriteReply =
  /** `rows`: the group's full list after the call. */
  | { readonly is: 'done'; readonly requestId: string; readonly rows: readonly Row[] }
  /** Nothing is known yet of what becomes of it. */
  | { readonly is: 'accepted'; readonly requestId: string; readonly jobId: string };

export type JobState =
  | { readonly is: 'pending' }
  | { readonly is: 'done' }
  /** `rows`: those that it failed for; empty when that is not told. */
  | { readonly is: 'failed'; readonly error: ApiError; readonly rows: readonly Row[] };

/** The write was not made, because who asked for it may not make it any more. */
export class WithdrawnError extends Error {
  override readonly name = 'WithdrawnError';

  constructor(action: string) {
    super(`${action} was not sent: this process may not write any more`);
  }
}
