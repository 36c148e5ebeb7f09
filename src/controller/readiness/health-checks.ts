import { type BackoffOptions, backoffMs } from '../../backoff.ts';
import type { Clock, Timer } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { roleKey } from '../../cloud/group-ref.ts';
import type { BackendHealth, LoadBalancerRef, ServerGroups } from '../../cloud/server-groups.ts';
import type { BackendKey } from '../../membership/backend.ts';
import type { Health } from '../../membership/readiness/health.ts';

export interface HealthChecksParts {
  readonly describeHealth: NonNullable<ServerGroups['describeHealth']>;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** A load balancer that the pod with this key follows has answered, or the call has failed. */
  readonly onAnswer: (pod: string) => void;
}

type Answer =
  | {
      readonly is: 'told';
      readonly askedAt: number;
      readonly byBackend: ReadonlyMap<BackendKey, readonly BackendHealth[]>;
    }
  | Extract<Health, { is: 'refused' }>;

/** The state of one load balancer. It is kept even when nothing follows the load balancer, because there are few. */
interface Asked {
  readonly ref: LoadBalancerRef;
  /** Keys of pods. */
  readonly followers: Set<string>;
  answer: Answer | undefined;
  failures: number;
  /** No call before this time; `Clock.now()` milliseconds. */
  nextAt: number;
  timer: Timer | undefined;
  call: AbortController | undefined;
}

/** From an answer to the next call. */
const PAUSE_MS = 2_000;
const RETRIES: BackoffOptions = { baseMs: 2_000, capMs: 30_000, jitter: 0.2 };

/**
 * Polls load balancers for the health of their backends, with one call for all pods that follow a load balancer and a pause
 * between calls. Polling stops when no pod follows any more. Failed calls are retried after growing pauses.
 */
export class HealthChecks {
  readonly #parts: HealthChecksParts;
  /** By region, id and role. */
  readonly #asked = new Map<string, Asked>();
  /** By key of the pod. */
  readonly #followed = new Map<string, readonly Asked[]>();

  constructor(parts: HealthChecksParts) {
    this.#parts = parts;
  }

  /** The pod waits for these load balancers only. */
  follow(pod: string, loadBalancers: readonly LoadBalancerRef[]): void {
    const before = this.#followed.get(pod) ?? [];
    const now = loadBalancers.map((ref) => this.#find(ref));
    for (const one of before) {
      if (now.includes(one)) continue;
      one.followers.delete(pod);
      if (one.followers.size === 0) rest(one);
    }
    if (now.length === 0) this.#followed.delete(pod);
    else this.#followed.set(pod, now);
    for (const one of now) {
      one.followers.add(pod);
      this.#schedule(one);
    }
  }

  /** What the load balancer last reported on a pod that has these rows in its groups; undefined if nothing yet. */
  of(loadBalancer: LoadBalancerRef, backends: readonly BackendKey[]): Health | undefined {
    const { answer } = this.#find(loadBalancer);
    if (answer?.is !== 'told') return answer;
    const { askedAt, byBackend } = answer;
    return { is: 'told', askedAt, listeners: backends.flatMap((key) => byBackend.get(key) ?? []) };
  }

  /** Aborts calls in flight. */
  stop(): void {
    for (const one of this.#asked.values()) rest(one);
  }

  #find(ref: LoadBalancerRef): Asked {
    const key = `${ref.regionId} ${ref.id} ${roleKey(ref.role)}`;
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked: Asked = {
      ref,
      followers: new Set(),
      answer: undefined,
      failures: 0,
      nextAt: Number.NEGATIVE_INFINITY,
      timer: undefined,
      call: undefined,
    };
    this.#asked.set(key, asked);
    return asked;
  }

  #schedule(one: Asked): void {
    if (one.followers.size === 0 || one.timer !== undefined || one.call !== undefined) return;
    const { clock } = this.#parts;
    const ms = Math.max(0, one.nextAt - clock.now());
    one.timer = clock.setTimeout(() => {
      one.timer = undefined;
      void this.#ask(one);
    }, ms);
  }

  /** Never throws. */
  async #ask(one: Asked): Promise<void> {
    const { describeHealth, clock, random, onAnswer } = this.#parts;
    const call = new AbortController();
    one.call = call;
    const askedAt = clock.now();
    one.nextAt = askedAt + PAUSE_MS;
    try {
      const backends = await describeHealth(one.ref, { signal: call.signal });
      if (call.signal.aborted) return;
      one.answer = { is: 'told', askedAt, byBackend: Map.groupBy(backends, ({ backend }) => backend) };
      one.failures = 0;
      one.nextAt = clock.now() + PAUSE_MS;
    } catch (error) {
      if (call.signal.aborted) return;
      const { retryAfterMs = 0 } = error instanceof ApiError ? error : {};
      one.answer = refusal(one.ref, error);
      one.nextAt = clock.now() + Math.max(retryAfterMs, backoffMs(one.failures++, { ...RETRIES, random }));
    }
    one.call = undefined;
    for (const pod of [...one.followers]) onAnswer(pod);
    this.#schedule(one);
  }
}

function rest(one: Asked): void {
  one.timer?.cancel();
  one.timer = undefined;
  one.call?.abort(new Error('no pod waits for it any more'));
  one.call = undefined;
}

function refusal({ id }: LoadBalancerRef, error: unknown): Answer {
  const reason = error instanceof ApiError ? error.reason : 'InternalError';
  const why = error instanceof Error ? error.message : String(error);
  return {
    is: 'refused',
    reason,
    message: `load balancer ${id} does not say whether the pod is healthy: ${why}`,
  };
}
