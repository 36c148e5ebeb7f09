import { backoffMs } from '../backoff.ts';
import type { Clock, Timer } from '../clock.ts';
import { ApiError } from '../cloud/api-error.ts';
import type { EniLookup, EniResolver } from '../cloud/eni-resolver.ts';
import { MAX_ADDRESSES_PER_CALL } from './api/ecs.ts';
import type { EcsApi, NetworkInterface } from './api/ecs-api.ts';
import { createApiError } from './errors/errors.ts';
import { isInPrefix } from './ip-prefix.ts';

type Settled = Exclude<EniLookup, { readonly state: 'pending' }>;

export interface EniResolverOptions {
  readonly ecs: EcsApi;
  readonly clock: Clock;
  /** The VPC of the cluster, because private addresses repeat across VPCs. */
  readonly vpcId?: string | undefined;
  /** Called with the result for each address that was queried. */
  readonly onAnswer?: ((result: Settled['state']) => void) | undefined;
  /** Time between the starts of two rounds of calls; addresses that become due meanwhile share the next round. Default 0. */
  readonly spacingMs?: number | undefined;
  /** Those who wait for an answer look the address up again after this long, give or take a tenth. Default 0. */
  readonly resyncMs?: number | undefined;
}

/** A pod's address can move to another interface, so an older answer is refreshed, and serves until the new one is there. */
const FRESH_MS = 10 * 60_000;
/** An address that nobody looked up for this long is forgotten; without an answer, not before two resyncs, each a tenth longer. */
const IDLE_MS = 10 * 60_000;
const IDLE_RESYNCS = 2.2;
/** Back-off after a failed call. */
const RETRY = { baseMs: 1_000, capMs: 60_000, jitter: 0 };
/** Attaching an interface takes seconds; an address that stays without one longer belongs elsewhere. */
const MISSING_RETRY = { baseMs: 1_000, capMs: 10 * 60_000, jitter: 0 };
const SWEEP_MS = 60_000;

interface Entry {
  readonly regionId: string;
  readonly ip: string;
  answer: EniLookup;
  askedAt: number;
  /** When to query ECS again; infinite while a query is queued or running. */
  dueAt: number;
  /** Number of answers in succession that did not find it. */
  failures: number;
  /** The failure of the last call, and how many failed in succession. */
  outage: { readonly error: ApiError; readonly calls: number } | undefined;
}

const PENDING: EniLookup = { state: 'pending' };

export interface AlibabaEniResolver extends EniResolver {
  /** Lookups that failed for want of credentials are retried now. */
  credentialsChanged(): void;
  close(): void;
}

export function createEniResolver(options: EniResolverOptions): AlibabaEniResolver {
  return new CachingResolver(options);
}

/**
 * Keeps one entry for each address that was looked up. The first query is sent at once; addresses that become due in the
 * same turn of the event loop, or within the spacing after it, are sent together, up to a hundred addresses of a region per
 * call. An address is never in two calls at a time.
 */
class CachingResolver implements AlibabaEniResolver {
  readonly #ecs: EcsApi;
  readonly #clock: Clock;
  readonly #vpcId: string | undefined;
  readonly #spacingMs: number;
  /** For addresses without an answer: until then they are retried. */
  readonly #patienceMs: number;
  readonly #onAnswer: EniResolverOptions['onAnswer'];
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new Set<Entry>();
  readonly #listeners: ((regionId: string, ips: readonly string[]) => void)[] = [];
  readonly #abort = new AbortController();
  #flush: Timer | undefined;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #wake: { readonly timer: Timer; readonly at: number } | undefined;

  constructor({ ecs, clock, vpcId, onAnswer, spacingMs = 0, resyncMs = 0 }: EniResolverOptions) {
    this.#spacingMs = spacingMs;
    this.#patienceMs = Math.max(IDLE_MS, IDLE_RESYNCS * resyncMs);
    this.#onAnswer = onAnswer;
    this.#ecs = ecs;
    this.#clock = clock;
    this.#vpcId = vpcId;
  }

  lookup(regionId: string, ip: string): EniLookup {
    const now = this.#clock.now();
    const key = `${regionId}/${ip}`;
    const known = this.#entries.get(key);
    const entry = known ?? {
      regionId,
      ip,
      answer: PENDING,
      askedAt: now,
      dueAt: now,
      failures: 0,
      outage: undefined,
    };
    entry.askedAt = now;
    if (known === undefined) this.#entries.set(key, entry);
    if (entry.dueAt <= now) this.#enqueue(entry);
    return entry.answer;
  }

  invalidate(regionId: string, ip: string): void {
    const key = `${regionId}/${ip}`;
    const entry = this.#entries.get(key);
    // The answer to a query that is running is dropped, because its entry is gone.
    this.#entries.delete(key);
    if (entry !== undefined) this.#queue.delete(entry);
  }

  onResolved(listener: (regionId: string, ips: readonly string[]) => void): void {
    this.#listeners.push(listener);
  }

  credentialsChanged(): void {
    for (const entry of this.#entries.values()) {
      const { answer, dueAt, outage } = entry;
      if (answer.state === 'found' || outage?.error.kind !== 'credentials') continue;
      entry.outage = undefined;
      if (dueAt !== Number.POSITIVE_INFINITY) this.#enqueue(entry);
    }
  }

  close(): void {
    this.#abort.abort();
    this.#flush?.cancel();
    this.#wake?.timer.cancel();
    this.#entries.clear();
    this.#queue.clear();
  }

  #enqueue(entry: Entry): void {
    if (this.#abort.signal.aborted) return;
    entry.dueAt = Number.POSITIVE_INFINITY;
    this.#queue.add(entry);
    const wait = this.#flushedAt + this.#spacingMs - this.#clock.now();
    this.#flush ??= this.#clock.setTimeout(
      () => {
        this.#flush = undefined;
        this.#flushedAt = this.#clock.now();
        const due = [...this.#queue];
        this.#queue.clear();
        for (const [regionId, entries] of Map.groupBy(due, (queued) => queued.regionId)) {
          for (let i = 0; i < entries.length; i += MAX_ADDRESSES_PER_CALL) {
            void this.#ask(regionId, entries.slice(i, i + MAX_ADDRESSES_PER_CALL));
          }
        }
      },
      Math.max(0, wait),
    );
  }

  async #ask(regionId: string, entries: readonly Entry[]): Promise<void> {
    const { signal } = this.#abort;
    const query = {
      regionId,
      privateIps: entries.map((entry) => entry.ip),
      ...(this.#vpcId === undefined ? {} : { vpcId: this.#vpcId }),
    };
    const answer = await this.#ecs
      .describeNetworkInterfaces(query, { signal })
      .then((interfaces) => byAddress(interfaces, query.privateIps), asFailure);
    if (signal.aborted) return;
    const asked = entries.filter((entry) => this.#entries.get(`${regionId}/${entry.ip}`) === entry);
    const changed = asked.filter((entry) => this.#settle(entry, answer));
    this.#wakeAt(Math.min(this.#clock.now() + SWEEP_MS, ...asked.map((entry) => entry.dueAt)));
    if (changed.length === 0) return;
    const ips = changed.map((entry) => entry.ip);
    for (const listener of this.#listeners) listener(regionId, ips);
  }

  /** Returns whether the answer changed. */
  #settle(entry: Entry, answer: ReadonlyMap<string, readonly string[]> | ApiError): boolean {
    const now = this.#clock.now();
    const before = entry.answer;
    const told = answerFor(entry, answer, now);
    entry.answer = told;
    this.#onAnswer?.(answer instanceof ApiError ? 'failed' : told.state);
    const calls = entry.outage?.calls ?? 0;
    entry.outage = answer instanceof ApiError ? { error: answer, calls: calls + 1 } : undefined;
    if (told.state === 'found') {
      entry.failures = 0;
      entry.dueAt = now + FRESH_MS;
    } else if (entry.outage !== undefined) {
      entry.dueAt = now + backoffMs(calls, RETRY);
    } else {
      if (told.state !== before.state) entry.failures = 0;
      entry.dueAt = now + backoffMs(entry.failures, told.state === 'missing' ? MISSING_RETRY : RETRY);
      entry.failures += 1;
    }
    return !sameAnswer(before, told);
  }

  /** Retries missing and failed addresses, and forgets those that nobody looks up. */
  #sweep(): void {
    const now = this.#clock.now();
    let next = now + SWEEP_MS;
    for (const [key, entry] of this.#entries) {
      const idleMs = entry.answer.state === 'found' ? IDLE_MS : this.#patienceMs;
      if (now - entry.askedAt > idleMs && entry.dueAt !== Number.POSITIVE_INFINITY) this.#entries.delete(key);
      else if (entry.answer.state === 'found') continue;
      else if (entry.dueAt <= now) this.#enqueue(entry);
      else next = Math.min(next, entry.dueAt);
    }
    if (this.#entries.size > 0) this.#wakeAt(next);
  }

  #wakeAt(at: number): void {
    if (this.#wake !== undefined && this.#wake.at <= at) return;
    this.#wake?.timer.cancel();
    const timer = this.#clock.setTimeout(
      () => {
        this.#wake = undefined;
        this.#sweep();
      },
      Math.max(1, Math.ceil(at - this.#clock.now())),
    );
    this.#wake = { timer, at };
  }
}

function answerFor(
  entry: Entry,
  answer: ReadonlyMap<string, readonly string[]> | ApiError,
  now: number,
): Settled {
  if (answer instanceof ApiError) {
    // A failed refresh does not invalidate the known answer.
    const known = entry.answer;
    return known.state === 'found' || known.state === 'missing' ? known : { state: 'failed', error: answer };
  }
  const [eniId, other] = answer.get(canonical(entry.ip)) ?? [];
  if (eniId === undefined) {
    return entry.answer.state === 'missing' ? entry.answer : { state: 'missing', since: now };
  }
  return other === undefined
    ? { state: 'found', eniId }
    : { state: 'failed', error: ambiguous(entry, [eniId, other]) };
}

function sameAnswer(a: EniLookup, b: EniLookup): boolean {
  if (a.state === 'found' && b.state === 'found') return a.eniId === b.eniId;
  if (a.state === 'failed' && b.state === 'failed') return a.error.code === b.error.code;
  return a.state === b.state;
}

/**
 * Only attached interfaces receive traffic; one that is attaching is found by a retry. An interface with IP prefixes does
 * not list the addresses in them, which Terway gives to pods.
 */
function byAddress(
  interfaces: readonly NetworkInterface[],
  asked: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>();
  for (const { networkInterfaceId, privateIps, prefixes, status } of interfaces) {
    if (status !== 'InUse' && status !== '') continue;
    const inPrefix = asked.filter((ip) => prefixes.some((prefix) => isInPrefix(ip, prefix)));
    for (const ip of new Set([...privateIps, ...inPrefix].map(canonical))) {
      const ids = result.get(ip) ?? [];
      if (!ids.includes(networkInterfaceId)) ids.push(networkInterfaceId);
      result.set(ip, ids);
    }
  }
  return result;
}

/** An IPv6 address has many spellings; this is the one used in URLs. */
function canonical(ip: string): string {
  return ip.includes(':') ? (URL.parse(`http://[${ip}]`)?.hostname.slice(1, -1) ?? ip) : ip;
}

/** Error code for an address that ECS found at several interfaces. */
export const AMBIGUOUS_ADDRESS = 'AmbiguousAddress';

/** Private addresses repeat across VPCs: without --vpc-id, the pod's interface cannot be told from the others. */
export function ambiguous(
  { ip, regionId }: Pick<Entry, 'ip' | 'regionId'>,
  ids: readonly string[],
): ApiError {
  return createApiError({
    action: 'DescribeNetworkInterfaces',
    code: AMBIGUOUS_ADDRESS,
    text: `${ip} in ${regionId} is an address of ${ids.join(' and ')}`,
    kind: 'configuration',
    outcome: 'refused',
  });
}

function asFailure(failure: unknown): ApiError {
  if (failure instanceof ApiError) return failure;
  return createApiError({
    action: 'DescribeNetworkInterfaces',
    code: 'LookupFailed',
    text: String(failure),
    kind: 'transient',
    outcome: 'refused',
  });
}
