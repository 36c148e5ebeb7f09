import { type BackoffOptions, backoffMs } from '../../backoff.ts';
import type { Clock, Timer } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { type AssumedRole, roleKey } from '../../cloud/group-ref.ts';
import type { LoadBalancerRef, NamedGroup, ServerGroups } from '../../cloud/server-groups.ts';

/** The last answer of a load balancer about its groups. */
export type GroupList =
  | { readonly is: 'listed'; readonly groups: readonly NamedGroup[] }
  /** `attempts`: consecutive failures. */
  | { readonly is: 'failed'; readonly error: unknown; readonly attempts: number };

export interface GroupFinderParts {
  readonly list: ServerGroups['list'];
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Called before each call to the cloud: false as soon as another replica may lead. */
  readonly mayAsk: () => boolean;
  /** Called for each waiting binding, with its key. */
  readonly onAnswer: (binding: string, answer: GroupList) => void;
}

interface Asked {
  readonly ref: LoadBalancerRef;
  /** Keys of bindings. */
  readonly waiting: Set<string>;
  /** `Clock.now()` milliseconds. */
  askedAt: number;
  nextAt: number;
  /** Answers since the last binding began to wait. */
  answers: number;
  /** Consecutive failures. */
  failures: number;
  /** The last call failed for want of credentials. */
  lacksCredentials: boolean;
  timer: Timer | undefined;
  call: AbortController | undefined;
}

/** Between two calls, if a binding begins to wait in the meantime. */
const SPACING_MS = 1_000;
/** Between two calls otherwise. */
const PAUSES: BackoffOptions = { baseMs: 2_000, capMs: 60_000, jitter: 0.2 };

/**
 * Lists the groups of load balancers: one call answers all bindings that wait for a load balancer, and is repeated with
 * growing pauses while any binding waits. A load balancer that no binding waits for is not called.
 */
export class GroupFinder {
  readonly #parts: GroupFinderParts;
  /** By region, id and role: the load balancers that a binding waits for, or waited for until a moment ago. */
  readonly #asked = new Map<string, Asked>();
  /** By key of the binding. */
  readonly #waits = new Map<string, Asked>();

  constructor(parts: GroupFinderParts) {
    this.#parts = parts;
  }

  /** The binding waits for answers of the load balancer, until `forget`. Returns whether it begins to. */
  seek(binding: string, loadBalancer: LoadBalancerRef): boolean {
    const one = this.#find(loadBalancer);
    if (this.#waits.get(binding) === one) return false;
    this.forget(binding);
    this.#waits.set(binding, one);
    one.waiting.add(binding);
    one.answers = 0;
    one.nextAt = Math.min(one.nextAt, one.askedAt + SPACING_MS);
    this.#schedule(one);
    return true;
  }

  forget(binding: string): void {
    const one = this.#waits.get(binding);
    if (one === undefined) return;
    this.#waits.delete(binding);
    one.waiting.delete(binding);
    if (one.waiting.size > 0) return;
    rest(one);
    one.timer = this.#parts.clock.setTimeout(() => this.#asked.delete(keyOf(one.ref)), SPACING_MS);
  }

  /** The credentials of this role (undefined: the operator's own) have changed: what failed for want of them is retried. */
  credentialsChanged(role: AssumedRole | undefined): void {
    for (const one of this.#asked.values()) {
      if (!one.lacksCredentials || roleKey(one.ref.role) !== roleKey(role)) continue;
      one.answers = 0;
      one.nextAt = Math.min(one.nextAt, one.askedAt + SPACING_MS);
      this.#schedule(one);
    }
  }

  /** Aborts calls in flight. */
  stop(): void {
    for (const one of this.#asked.values()) rest(one);
  }

  #find(ref: LoadBalancerRef): Asked {
    const key = keyOf(ref);
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const never = Number.NEGATIVE_INFINITY;
    const asked: Asked = {
      ref,
      waiting: new Set(),
      ...{ askedAt: never, nextAt: never, answers: 0, failures: 0, lacksCredentials: false },
      timer: undefined,
      call: undefined,
    };
    this.#asked.set(key, asked);
    return asked;
  }

  #schedule(one: Asked): void {
    one.timer?.cancel();
    one.timer = undefined;
    if (one.waiting.size === 0 || one.call !== undefined) return;
    const { clock } = this.#parts;
    const ms = Math.max(0, one.nextAt - clock.now());
    one.timer = clock.setTimeout(() => {
      one.timer = undefined;
      if (this.#parts.mayAsk()) void this.#ask(one);
    }, ms);
  }

  /** Never throws. */
  async #ask(one: Asked): Promise<void> {
    const { list, clock, random, onAnswer } = this.#parts;
    const call = new AbortController();
    one.call = call;
    one.askedAt = clock.now();
    one.lacksCredentials = false;
    let answer: GroupList;
    let notBefore = 0;
    try {
      answer = { is: 'listed', groups: await list(one.ref, { signal: call.signal }) };
      one.failures = 0;
    } catch (error) {
      one.failures++;
      answer = { is: 'failed', error, attempts: one.failures };
      if (error instanceof ApiError) {
        notBefore = error.retryAfterMs ?? 0;
        one.lacksCredentials = error.kind === 'credentials';
      }
    }
    if (call.signal.aborted) return;
    one.call = undefined;
    one.nextAt = clock.now() + Math.max(notBefore, backoffMs(one.answers++, { ...PAUSES, random }));
    for (const binding of [...one.waiting]) onAnswer(binding, answer);
    if (one.waiting.size > 0) this.#schedule(one);
  }
}

function keyOf({ regionId, id, role }: LoadBalancerRef): string {
  return `${regionId} ${id} ${roleKey(role)}`;
}

function rest(one: Asked): void {
  one.timer?.cancel();
  one.timer = undefined;
  one.call?.abort(new Error('no binding waits for it any more'));
  one.call = undefined;
}
