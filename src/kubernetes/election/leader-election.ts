import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, sleep, systemClock, type Timer } from '../../clock.ts';
import { hasStatus } from '../client/api-error.ts';
import type { KubeTransport } from '../client/transport-types.ts';
import { microTime } from '../objects/micro-time.ts';
import { type Lease, LeaseClient, type LeaseSpec, readSpec } from './lease.ts';

/** Lease duration > renew deadline > 2 × retry period > 0; this is checked when the flags are read. */
export interface ElectionTiming {
  /** How long other candidates wait after the last renewal that they observed. */
  readonly leaseDurationMs: number;
  /** How long the leader continues after its last renewal. */
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

export interface LeaderElectorOptions {
  readonly transport: Pick<KubeTransport, 'request'>;
  readonly namespace: string;
  /** Name of the Lease; also the metric's label. */
  readonly name: string;
  /** Must be unique among all candidates. Default: host name and a random UUID. */
  readonly identity?: string;
  readonly timing: ElectionTiming;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** leader_election_master_status */
  readonly masterStatus?: { set(labels: { readonly name: string }, value: number): void };
  /** Called when leadership begins; it lasts until the signal is aborted. */
  readonly onStartedLeading: (signal: AbortSignal) => void;
  /** Called once when leadership ends. `lost`: something went wrong, and all pending writes must be dropped. */
  readonly onStoppedLeading?: (how: 'lost' | 'released', why: string) => void;
  readonly onNewLeader?: (identity: string) => void;
  readonly onFailure?: (failure: {
    readonly during: 'acquire' | 'renew' | 'release';
    readonly error: unknown;
  }) => void;
}

const LONGEST_CANDIDATE_PAUSE_MS = 800;

/**
 * client-go's leader election on a Lease.
 *
 * Whether the leader is alive is judged by the Lease changes that this process observed, timed by its own monotonic clock; the
 * clocks of two machines are never compared. Leadership ends, and its signal is aborted, `renewDeadlineMs` after the *start* of
 * the last successful renewal. No other candidate can take the Lease by then, because they wait for `leaseDurationMs` after they
 * observed that renewal.
 *
 * `isLeader` does not rely on a timer: if the deadline passed while the process was stopped (SIGSTOP, a frozen cgroup), it is
 * false right after the process continues. But the monotonic clock stands still while the whole machine is suspended, and only
 * the next renewal detects that: do not rely on the Lease alone where machines may be suspended.
 *
 * Lost leadership is not sought again: the process should exit and start over. `stop` releases the Lease, so that the next
 * leader need not wait; stop the work before calling it.
 */
export class LeaderElector {
  readonly identity: string;
  readonly #options: LeaderElectorOptions;
  readonly #timing: ElectionTiming;
  readonly #clock: Clock;
  readonly #leases: LeaseClient;
  readonly #over = new AbortController();
  readonly #leadership = new AbortController();
  #state: 'candidate' | 'leading' | 'ended' = 'candidate';
  /** As last read or written by us. */
  #lease: Lease | undefined;
  #seenSpec = '';
  #seenAt = Number.NEGATIVE_INFINITY;
  #seenHolder = '';
  #renewedAt = Number.NEGATIVE_INFINITY;
  #deadline: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LeaderElectorOptions) {
    this.identity = options.identity ?? `${hostname()}_${randomUUID()}`;
    this.#options = options;
    this.#timing = options.timing;
    this.#clock = options.clock ?? systemClock;
    this.#leases = new LeaseClient(options.transport, options.namespace, options.name);
    this.#showStatus();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Fences writes: call it right before each write. */
  isLeader(): boolean {
    if (this.#state !== 'leading') return false;
    if (this.#clock.now() - this.#renewedAt < this.#timing.renewDeadlineMs) return true;
    this.#lose(`the Lease could not be renewed for ${this.#timing.renewDeadlineMs / 1000} s`);
    return false;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    // A request in flight may acquire the Lease. If it were aborted, the Lease might be held by a process that is gone.
    await this.#running;
    const led = this.isLeader();
    if (this.#state === 'ended') return;
    this.#end(new Error('leadership was given up'));
    if (readSpec(this.#lease ?? {}).holderIdentity === this.identity) await this.#release();
    if (led) this.#options.onStoppedLeading?.('released', 'stopped');
  }

  async #run(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#attempt();
      await sleep(this.#clock, this.#pauseMs(), this.#over.signal).catch(() => undefined);
    }
  }

  /** Candidates only read, and poll more often, to take a released Lease within a second. */
  #pauseMs(): number {
    const { retryPeriodMs } = this.#timing;
    if (this.#state === 'leading') return retryPeriodMs;
    const longest = Math.min(retryPeriodMs, LONGEST_CANDIDATE_PAUSE_MS);
    return longest * (1 - 0.4 * (this.#options.random ?? Math.random)());
  }

  async #attempt(): Promise<void> {
    const during = this.#state === 'leading' ? 'renew' : 'acquire';
    try {
      const sentAt = await this.#acquireOrRenew();
      if (sentAt !== undefined) this.#renewed(sentAt);
      else if (this.#state === 'leading') this.#lose(`${this.#seenHolder || 'nobody'} holds the Lease`);
    } catch (error) {
      this.#options.onFailure?.({ during, error });
    }
  }

  /** Returns when the write that acquired or renewed the Lease was sent; undefined if another candidate holds it. */
  async #acquireOrRenew(): Promise<number | undefined> {
    try {
      // The leader knows the Lease, so it reads it only after someone else changed it.
      if (this.#state === 'leading' && this.#lease !== undefined) return await this.#take(this.#lease);
    } catch (error) {
      if (!hasStatus(error, 409) && !hasStatus(error, 404)) throw error;
    }
    const lease = await this.#leases.get(this.#timeoutMs());
    if (!this.#isFree(lease)) return undefined;
    try {
      return await this.#take(lease);
    } catch (error) {
      // Another candidate was faster. A leader tries again instead.
      if (hasStatus(error, 409) && this.#state !== 'leading') return undefined;
      throw error;
    }
  }

  /** A Lease that was deleted is still its holder's, who makes it again with the next renewal. */
  #isFree(lease: Lease | undefined): boolean {
    const { holderIdentity, leaseDurationSeconds } = lease ? this.#see(lease) : readSpec(this.#lease ?? {});
    if (holderIdentity === this.identity) return true;
    if (this.#state === 'leading') return false;
    const durationMs = leaseDurationSeconds > 0 ? leaseDurationSeconds * 1000 : this.#timing.leaseDurationMs;
    return holderIdentity === '' || this.#clock.now() - this.#seenAt >= durationMs;
  }

  async #take(lease: Lease | undefined): Promise<number> {
    const now = microTime(this.#clock.wall());
    const before = lease && readSpec(lease);
    const isOurs = before?.holderIdentity === this.identity;
    const spec: LeaseSpec = {
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#timing.leaseDurationMs / 1000),
      acquireTime: isOurs && before.acquireTime !== '' ? before.acquireTime : now,
      renewTime: now,
      leaseTransitions: before === undefined ? 0 : before.leaseTransitions + (isOurs ? 0 : 1),
    };
    const sentAt = this.#clock.now();
    const timeoutMs = this.#timeoutMs();
    this.#see(
      lease === undefined
        ? await this.#leases.create(spec, timeoutMs)
        : await this.#leases.replace(lease, spec, timeoutMs),
    );
    return sentAt;
  }

  #see(lease: Lease): LeaseSpec {
    const spec = readSpec(lease);
    const seen = JSON.stringify(spec);
    this.#lease = lease;
    if (seen !== this.#seenSpec) {
      this.#seenSpec = seen;
      this.#seenAt = this.#clock.now();
    }
    if (spec.holderIdentity !== this.#seenHolder) {
      this.#seenHolder = spec.holderIdentity;
      if (spec.holderIdentity !== '') this.#options.onNewLeader?.(spec.holderIdentity);
    }
    return spec;
  }

  /** Half the deadline, so that after a dead connection there is time to try another one. */
  #timeoutMs(): number {
    const half = this.#timing.renewDeadlineMs / 2;
    if (this.#state !== 'leading') return half;
    const left = this.#renewedAt + this.#timing.renewDeadlineMs - this.#clock.now();
    return Math.max(1, Math.min(half, left));
  }

  #renewed(sentAt: number): void {
    if (this.#state === 'ended' || this.#clock.now() - sentAt >= this.#timing.renewDeadlineMs) return;
    this.#renewedAt = sentAt;
    if (this.#over.signal.aborted && this.#state === 'candidate') return;
    this.#watchDeadline();
    if (this.#state === 'leading') return;
    this.#state = 'leading';
    this.#showStatus();
    this.#options.onStartedLeading(this.#leadership.signal);
  }

  #watchDeadline(): void {
    this.#deadline?.cancel();
    const left = this.#renewedAt + this.#timing.renewDeadlineMs - this.#clock.now();
    this.#deadline = this.#clock.setTimeout(
      () => {
        // Timers may fire slightly early.
        if (this.isLeader()) this.#watchDeadline();
      },
      Math.max(1, left),
    );
  }

  #lose(why: string): void {
    if (this.#state !== 'leading') return;
    this.#end(new Error(`leadership is lost: ${why}`));
    this.#options.onStoppedLeading?.('lost', why);
  }

  #end(reason: Error): void {
    this.#state = 'ended';
    this.#deadline?.cancel();
    this.#leadership.abort(reason);
    this.#over.abort();
    this.#showStatus();
  }

  async #release(): Promise<void> {
    const now = microTime(this.#clock.wall());
    const { leaseTransitions } = readSpec(this.#lease ?? {});
    const spec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions,
    };
    try {
      await this.#leases.replace(this.#lease ?? {}, spec, this.#timing.renewDeadlineMs / 2);
    } catch (error) {
      this.#options.onFailure?.({ during: 'release', error });
    }
  }

  #showStatus(): void {
    this.#options.masterStatus?.set({ name: this.#options.name }, this.#state === 'leading' ? 1 : 0);
  }
}
