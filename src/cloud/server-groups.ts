import type { BackendKey, HealthStatus, Row, WriteAction } from '../membership/backend.ts';
import type { ApiError } from './api-error.ts';
import type { GroupRef, Scope } from './group-ref.ts';

/**
 * The controller's view of the server groups of one kind, such as the vServer groups of classic load balancers. Every
 * method rejects only with an `ApiError`, except for programming errors, an aborted signal (its reason), and a write that
 * was not sent (`WithdrawnError`).
 *
 * A write may either be complete with its reply, which then holds the group's full list, or be accepted as a job. While a
 * job is running, `describe` returns `pending`; `job` returns how it ended.
 *
 * A kind that refuses a whole call because one of its rows already exists (or is already gone) must report this as an
 * error of unknown outcome: the controller then reads the group first, and plans again.
 */
export interface ServerGroups {
  readonly limits: GroupLimits;

  /** Returns all rows of the group; pages are hidden. Waits for its turn automatically. */
  describe(group: GroupRef, options?: CallOptions): Promise<GroupDescription>;

  /** Returns all groups of a load balancer; pages are hidden. Waits for its turn automatically. */
  list(loadBalancer: LoadBalancerRef, options?: Pick<CallOptions, 'signal'>): Promise<readonly NamedGroup[]>;

  /**
   * Returns the health check results of a load balancer's backends (`GroupDescription.loadBalancerId`), in all its groups.
   * Waits for its turn automatically, behind all other calls. Undefined if this kind does not report health; then every
   * backend in a group counts as healthy.
   */
  describeHealth?(
    loadBalancer: LoadBalancerRef,
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<readonly BackendHealth[]>;

  /** Adds rows. The effect on a row that already exists depends on the kind, so callers compare first. */
  add(group: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply>;

  /** Changes the weight of rows; does not add or remove any. */
  setWeight(group: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply>;

  /** Removes rows, exactly as the group showed them. */
  remove(group: GroupRef, rows: readonly Row[], options?: CallOptions): Promise<WriteReply>;

  /** Returns the state of an accepted write; once `done`, it stays `done`. Waits for its turn automatically. */
  job(group: GroupRef, jobId: string, options?: Pick<CallOptions, 'signal'>): Promise<JobState>;

  /**
   * Resolves when such a write may be made; urgent writes go first. Rates are per account and product, for some kinds also
   * per action. Writes do not wait automatically: the planner acquires first, so that the write is planned after the wait.
   */
  acquire(scope: Scope, action: WriteAction, urgent: boolean, signal?: AbortSignal): Promise<void>;
}

export interface GroupLimits {
  /** Rows that one call may carry. */
  readonly rowsPerCall: Readonly<Record<WriteAction, number>>;
  /** Length of a row's description, in characters. */
  readonly description: { readonly min: number; readonly max: number };
  /** Milliseconds between two polls of a running change. */
  readonly pollMs: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Called just before each signed request is sent, resends included; if false, the write rejects with `WithdrawnError`. */
  readonly mayLeave?: () => boolean;
}

export interface GroupDescription {
  readonly requestId: string;
  readonly rows: readonly Row[];
  /** A row or the group is still applying a change, so a write may be refused as busy. */
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

/** The result of one listener's health check for one of its backends. */
export interface BackendHealth {
  readonly backend: BackendKey;
  /** For example `tcp:80`. */
  readonly listener: string;
  readonly status: HealthStatus;
}

export type WriteReply =
  /** `rows`: the group's full list after the call. */
  | { readonly is: 'done'; readonly requestId: string; readonly rows: readonly Row[] }
  /** The result is not known yet. */
  | { readonly is: 'accepted'; readonly requestId: string; readonly jobId: string };

export type JobState =
  | { readonly is: 'pending' }
  | { readonly is: 'done' }
  /** `rows`: the rows that failed; empty if the API does not report them. */
  | { readonly is: 'failed'; readonly error: ApiError; readonly rows: readonly Row[] };

/** The write was not sent, because its caller did not let it leave. */
export class WithdrawnError extends Error {
  override readonly name = 'WithdrawnError';

  constructor(action: string) {
    super(`${action} was not sent: its caller did not let it leave`);
  }
}
