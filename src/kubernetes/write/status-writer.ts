import { type BackoffOptions, backoffMs } from '../../backoff.ts';
import { type Clock, sleep, systemClock, type Timer, within } from '../../clock.ts';
import { asString } from '../../json.ts';
import { hasStatus, isMissing, isRefusal, retryAfterMsOf } from '../client/api-error.ts';
import { METADATA_OBJECT } from '../client/call.ts';
import type { KubeTransport } from '../client/transport-types.ts';
import { isOlder, metadata, resourceVersionOf } from '../objects/metadata.ts';
import { holds, isSamePrint, type StatusPrint } from './status-fields.ts';
import { merged, patchOf, type WantedStatus, type WriteOptions, wantedOf } from './wanted-status.ts';

export type { WriteOptions } from './wanted-status.ts';

export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface StatusFailure {
  readonly ref: ObjectRef;
  readonly error: unknown;
  readonly attempts: number;
  /** Undefined if it is not retried. */
  readonly retryInMs: number | undefined;
}

export interface StatusWriterOptions {
  readonly transport: Pick<KubeTransport, 'request'>;
  /** The object's path, without `/status`. */
  readonly pathOf: (ref: ObjectRef) => string;
  readonly clock?: Clock;
  /** Default: 200 ms, doubling up to 30 s, a fifth of it random. */
  readonly backoff?: Partial<BackoffOptions>;
  /** Called right before each write. If false, the write is dropped: the next leader writes its own. */
  readonly mayWrite?: () => boolean;
  /** Results: `written`, `unchanged` (no write needed), `conflict` (the object is gone or was replaced), `error`. */
  readonly writes?: { inc(labels: { readonly result: string }): void };
  readonly onFailure?: (failure: StatusFailure) => void;
}

interface Entry {
  readonly ref: ObjectRef;
  /** The status last observed or written; undefined if there is none. `version` is the object's version at that time. */
  known: StatusPrint | undefined;
  version: string;
  /**
   * The status last written, and how the API server stored it: a schema may drop or default fields. `in doubt`: whether it stored
   * it at all is unknown, and with it what the object shows next.
   */
  accepted:
    | { readonly print: StatusPrint; as: StatusPrint | undefined | 'not seen yet' | 'in doubt' }
    | undefined;
  wanted: WantedStatus | undefined;
  notBefore: number;
  retryAt: number;
  failures: number;
  inFlight: Promise<void> | undefined;
  timer: Timer | undefined;
}

/** Time between the starts of two writes of the same object, unless the second is urgent. */
const SPACING_MS = 1_000;
/** How long a patient write may wait, so that later changes share it. */
const PATIENCE_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Writes the status of objects.
 *
 * At most one write per object is in flight; the newest status that arrives meanwhile is written next. A status that the API
 * server already has is not written. Writes of one object are spaced; urgent ones are sent immediately. A failed write is retried
 * after a back-off, with the newest status. A status never reaches another object of the same name, and a field that is left out
 * is removed.
 *
 * Each write is a JSON Patch: a `test` of the uid, then the whole status. A merge patch cannot guard the uid, because the status
 * subresource of a custom resource ignores metadata and accepts a foreign uid in the body (seen on 1.36); it also leaves behind
 * every field that is not set to null. Server-side apply ignores the uid too, and its field ownership is an unneeded cost for a
 * status with one writer.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #closed = new AbortController();
  #flushing = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#backoff = { baseMs: 200, capMs: 30_000, jitter: 0.2, ...options.backoff };
  }

  /** Sets the status that the object should have from now on. Does not throw, whatever the API server answers. */
  write(ref: ObjectRef, status: object, options: WriteOptions = {}): void {
    if (this.#closed.signal.aborted) return;
    const entry = this.#entry(ref);
    const wanted = wantedOf(status, options, this.#clock.now() + PATIENCE_MS);
    entry.wanted = merged(entry.wanted, wanted);
    if (entry.inFlight === undefined && isShown(entry, entry.wanted)) this.#count('unchanged');
    this.#schedule(entry);
  }

  /**
   * Reports the object's status in the cache, as sent by the API server. The cache may lag behind the reply to a write, so an
   * older version is ignored.
   */
  observed(ref: ObjectRef & { readonly resourceVersion: string }, status: StatusPrint | undefined): void {
    const entry = this.#entry(ref);
    if (isOlder(ref.resourceVersion, entry.version)) return;
    if (entry.accepted?.as === 'in doubt' && status && isSamePrint(entry.accepted.print, status))
      entry.accepted = undefined;
    const isOwnWrite = ref.resourceVersion === entry.version;
    if (isOwnWrite && entry.accepted?.as === 'not seen yet') entry.accepted.as = status;
    entry.known = status;
    entry.version = ref.resourceVersion;
    this.#schedule(entry);
  }

  /** Drops the pending write of an object that is gone. */
  forget({ uid }: Pick<ObjectRef, 'uid'>): void {
    this.#entries.get(uid)?.timer?.cancel();
    this.#entries.delete(uid);
  }

  /** Sends all pending writes without spacing, then closes. Resolves with the objects that were not written before the deadline. */
  async flush(deadlineMs: number): Promise<readonly ObjectRef[]> {
    this.#flushing = true;
    for (const entry of this.#entries.values()) this.#schedule(entry);
    const over = new AbortController();
    await within(this.#clock, deadlineMs, this.#drained(over.signal));
    over.abort();
    const unwritten = this.#unwritten().map(({ ref }) => ref);
    this.close();
    return unwritten;
  }

  /** Drops pending writes and aborts those in flight. */
  close(): void {
    this.#closed.abort(new Error('the status writer is closed'));
    for (const entry of this.#entries.values()) this.forget(entry.ref);
  }

  #entry(ref: ObjectRef): Entry {
    let entry = this.#entries.get(ref.uid);
    if (entry === undefined) {
      const { namespace, name, uid } = ref;
      entry = {
        ref: { namespace, name, uid },
        known: undefined,
        version: '',
        accepted: undefined,
        wanted: undefined,
        notBefore: Number.NEGATIVE_INFINITY,
        retryAt: Number.NEGATIVE_INFINITY,
        failures: 0,
        inFlight: undefined,
        timer: undefined,
      };
      this.#entries.set(uid, entry);
    }
    return entry;
  }

  #unwritten(): Entry[] {
    return [...this.#entries.values()].filter(
      ({ wanted, inFlight }) => wanted !== undefined || inFlight !== undefined,
    );
  }

  async #drained(over: AbortSignal): Promise<void> {
    for (let open = this.#unwritten(); open.length > 0; open = this.#unwritten()) {
      const now = this.#clock.now();
      // The timer of a failed write's retry was set before this sleep, so it fires first.
      await Promise.all(
        open.map((entry) => entry.inFlight ?? sleep(this.#clock, Math.max(0, entry.retryAt - now), over)),
      );
    }
  }

  #schedule(entry: Entry): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    if (entry.inFlight !== undefined || entry.wanted === undefined) return;
    if (isShown(entry, entry.wanted)) {
      entry.wanted = undefined;
      return;
    }
    const atOnce = entry.wanted.urgent || this.#flushing;
    const paced = atOnce ? Number.NEGATIVE_INFINITY : Math.max(entry.notBefore, entry.wanted.notBefore);
    const ms = Math.max(paced, entry.retryAt) - this.#clock.now();
    if (ms > 0) entry.timer = this.#clock.setTimeout(() => this.#send(entry), ms);
    else this.#send(entry);
  }

  #send(entry: Entry): void {
    const { wanted } = entry;
    entry.wanted = undefined;
    if (wanted === undefined || this.#options.mayWrite?.() === false) return;
    entry.notBefore = this.#clock.now() + SPACING_MS;
    entry.inFlight = this.#attempt(entry, wanted).finally(() => {
      entry.inFlight = undefined;
      if (this.#entries.get(entry.ref.uid) === entry) this.#schedule(entry);
    });
  }

  async #attempt(entry: Entry, wanted: WantedStatus): Promise<void> {
    try {
      const reply = await this.#patch(entry, wanted);
      this.#accepted(entry, wanted, resourceVersionOf(reply));
      entry.failures = 0;
      entry.retryAt = Number.NEGATIVE_INFINITY;
      this.#count('written');
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      if (await this.#isGone(entry.ref, error)) {
        this.#count('conflict');
        this.forget(entry.ref);
      } else this.#failed(entry, wanted, error);
    }
  }

  /** The cache may have observed this version, or a newer one, before the reply arrived. */
  #accepted(entry: Entry, { print, part }: WantedStatus, version: string): void {
    entry.accepted = { print, as: version === entry.version ? entry.known : 'not seen yet' };
    if (version === entry.version || isOlder(version, entry.version)) return;
    entry.known = part ? { ...entry.known, ...print } : print;
    entry.version = version;
  }

  #patch({ ref, known }: Entry, wanted: WantedStatus): Promise<unknown> {
    return this.#options.transport.request('PATCH', `${this.#options.pathOf(ref)}/status`, {
      contentType: 'application/json-patch+json',
      // Only the version in the reply is needed; the rest arrives by the watch anyway.
      accept: METADATA_OBJECT,
      body: patchOf(ref.uid, wanted, known !== undefined),
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal: this.#closed.signal,
    });
  }

  /** A failed `test` gets a 422 without a reason, and so may a status that violates the schema; reading the object tells which. */
  async #isGone(ref: ObjectRef, error: unknown): Promise<boolean> {
    if (!hasStatus(error, 422)) return isMissing(error);
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#closed.signal };
    try {
      const now = await this.#options.transport.request('GET', this.#options.pathOf(ref), options);
      return asString(metadata(now)['uid']) !== ref.uid;
    } catch (error) {
      return isMissing(error);
    }
  }

  #failed(entry: Entry, wanted: WantedStatus, error: unknown): void {
    const retryInMs =
      hasStatus(error, 422) && !wanted.retried
        ? undefined
        : Math.max(retryAfterMsOf(error), backoffMs(entry.failures, this.#backoff));
    entry.failures++;
    const isIn = entry.known !== undefined && isSamePrint(entry.known, wanted.print);
    if (!isRefusal(error) && !hasStatus(error, 429) && !isIn)
      entry.accepted = { print: wanted.print, as: 'in doubt' };
    if (retryInMs === undefined) entry.accepted = { print: wanted.print, as: entry.known };
    else {
      entry.retryAt = this.#clock.now() + retryInMs;
      entry.wanted = entry.wanted ? merged(wanted, entry.wanted) : { ...wanted, urgent: true };
    }
    this.#count('error');
    this.#options.onFailure?.({ ref: entry.ref, error, attempts: entry.failures, retryInMs });
  }

  #count(result: string): void {
    this.#options.writes?.inc({ result });
  }
}

function isShown({ known, accepted }: Entry, { print, part }: WantedStatus): boolean {
  if (accepted?.as === 'in doubt') return false;
  if (known !== undefined && (part ? holds(known, print) : isSamePrint(known, print))) return true;
  if (accepted === undefined || !isSamePrint(accepted.print, print)) return false;
  const { as } = accepted;
  return as === known || (typeof as === 'object' && known !== undefined && isSamePrint(as, known));
}
