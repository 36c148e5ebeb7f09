import { sleep, unlessAborted } from '../../clock.ts';
import { asObject } from '../../json.ts';
import { KubeApiError, KubeConnectionError, retryAfterMsOf, statusAnswer } from '../client/api-error.ts';
import type { WatchEvent } from '../client/transport-types.ts';
import { isOlder, keyOf, resourceVersionOf } from '../objects/metadata.ts';
import { believableList } from './believable.ts';
import { type Listing, transformed } from './lister.ts';
import { CLOSED, recoveryFrom, WentBackError } from './recovery.ts';
import type { ReflectorHealth, ReflectorOptions } from './reflector-types.ts';
import { RetryPause } from './retry-pause.ts';
import type { Store, Stored } from './store.ts';

export type { ListRecord, ReflectorHealth, ReflectorHooks, ReflectorOptions } from './reflector-types.ts';

/**
 * The duration requested for a watch. A connection can break silently (a NAT entry or a node is gone), HTTP/1.1 has no ping, and
 * a quiet collection sends a bookmark once a minute at best. So watches are short: the server ends each one properly after a
 * bookmark, and the next one continues at that version over the same connection, with no list, no handshake and nothing missed.
 * A watch that is silent until `GRACE_MS` after its end is dead. This detects a broken connection within 40 s, for one small
 * request per collection every half minute. (Opening the next watch early instead would lose the bookmarks, which come two
 * seconds before the end at the latest; the version would then stand still until the server has forgotten it.)
 */
const SHORTEST_WATCH_SECONDS = 25;
const WATCH_SPREAD_SECONDS = 10;
const GRACE_MS = 5_000;
/** A watch that ends sooner and without an event counts as refused; reopening it without a pause would cause a busy loop. */
const PROVEN_AFTER_MS = 1_000;

/**
 * Keeps a store equal to a collection of the API server: lists, then watches from the list's version on, and never gives up.
 *
 * - Changes reach the store and its handlers in the order of the server's events, in the same turn in which their line is read.
 * - A watch that ends is resumed at the last version seen. The collection is listed again only if the server has forgotten that
 *   version, could not be reached, or sent an unusable answer; see the table in recovery.ts.
 * - A collection that is answered with 404 does not count as empty, however long: a gateway may answer so to every path, and a
 *   CRD that no longer serves this version still has its objects. If it was deleted, its last object was deleted before it.
 */
export class Reflector<T extends Stored> {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly #options: ReflectorOptions<T>;
  readonly #random: () => number;
  readonly #pause: RetryPause;
  /** The next list's version; undefined while a watch can continue from `#version`. */
  #listAt: string | undefined = '';
  #version = '';
  #proven = false;
  readonly #synced = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<void>();
  #onAnswer: (() => void) | undefined;
  #refreshed: PromiseWithResolvers<void> | undefined;
  /** Aborts the current list or watch, or the pause after it. */
  #turn = new AbortController();
  #health: ReflectorHealth;

  constructor(options: ReflectorOptions<T>) {
    const { name, namespace, clock } = options;
    this.name = name;
    this.namespace = namespace;
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#pause = new RetryPause(clock, this.#random);
    this.#health = { name, synced: false, refused: false, up: false, since: clock.now() };
  }

  get store() {
    return this.#options.store;
  }

  /** The store has held the whole collection at least once. */
  get hasSynced(): boolean {
    return this.#health.synced;
  }

  /** The store is up to date with this version; '' before the first list. */
  get version(): string {
    return this.#version;
  }

  get healthy(): ReflectorHealth {
    return this.#health;
  }

  waitForSync(signal?: AbortSignal): Promise<void> {
    const { promise } = this.#synced;
    return signal === undefined ? promise : unlessAborted(promise, signal);
  }

  /** Resolves once the store has held the whole collection, or the collection is refused. */
  untilAnswered(signal: AbortSignal): Promise<void> {
    return unlessAborted(this.#answered.promise, signal);
  }

  /**
   * Resolves when the signal is aborted and all work has ended. Call it only once. `onAnswer` is called after each list, when the
   * store equals it, and each time that the collection is refused.
   */
  async start(signal: AbortSignal, onAnswer?: () => void): Promise<void> {
    this.#onAnswer = onAnswer;
    const stop = () => this.#turn.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      this.#turn = new AbortController();
      await this.#listOrWatch(this.#turn.signal);
    }
    this.#note({ up: false });
    this.#refreshed?.resolve();
  }

  /**
   * Drops the work in progress and lists the newest version; resolves once the store equals it, the collection is refused, or the
   * reflector has stopped.
   */
  refresh(): Promise<void> {
    this.#refreshed ??= Promise.withResolvers();
    this.#listAt = '';
    this.#turn.abort(new Error('all is listed again'));
    return this.#refreshed.promise;
  }

  async #listOrWatch(signal: AbortSignal): Promise<void> {
    const during = this.#listAt === undefined ? 'watch' : 'list';
    this.#proven = false;
    try {
      if (this.#listAt === undefined) await this.#watch(signal);
      else await this.#list(this.#listAt, signal);
    } catch (error) {
      if (signal.aborted) return;
      const retryInMs = this.#recover(error, during);
      this.#options.hooks?.failed?.(this.name, { error, during, retryInMs }, this.namespace);
      if (retryInMs > 0) await sleep(this.#options.clock, retryInMs, signal).catch(() => {});
    }
  }

  async #list(version: string, signal: AbortSignal): Promise<void> {
    const listing = await believableList(this.#options, version, signal);
    if (!signal.aborted) this.#replace(listing);
  }

  #replace({ objects, resourceVersion }: Listing<T>): void {
    this.#options.store.replace(objects);
    this.#version = resourceVersion;
    this.#listAt = undefined;
    this.#note({ synced: true, refused: false });
    this.#synced.resolve();
    this.#noteAnswer();
  }

  #noteAnswer(): void {
    this.#answered.resolve();
    this.#refreshed?.resolve();
    this.#refreshed = undefined;
    this.#onAnswer?.();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { transport, path, query, clock } = this.#options;
    const timeoutSeconds = Math.round(SHORTEST_WATCH_SECONDS + this.#random() * WATCH_SPREAD_SECONDS);
    let openedAt = Number.POSITIVE_INFINITY;
    const events = transport.watch(path, {
      query: { ...query, resourceVersion: this.#version, allowWatchBookmarks: true, timeoutSeconds },
      signal,
      inactivityMs: timeoutSeconds * 1000 + GRACE_MS,
      onOpen: () => {
        openedAt = clock.now();
        this.#opened();
      },
    });
    try {
      for await (const event of events) {
        if (signal.aborted) return;
        this.#take(event);
        this.#proven = true;
      }
    } finally {
      this.#proven ||= clock.now() - openedAt >= PROVEN_AFTER_MS;
    }
    if (!this.#proven && !signal.aborted)
      throw new KubeConnectionError({ method: 'WATCH', path }, CLOSED, 'closed as soon as opened');
  }

  #take(event: WatchEvent): void {
    const { path, name, hooks } = this.#options;
    if (event.type === 'ERROR') {
      const status = Number(asObject(event.object)['code']) || 500;
      throw new KubeApiError({ method: 'WATCH', path }, status, statusAnswer(event.object));
    }
    const version = resourceVersionOf(event.object);
    const isKnown = this.store.get(keyOf(event.object) ?? '')?.resourceVersion === version;
    if (version !== '' && !isKnown && isOlder(version, this.#version))
      throw new WentBackError(path, version, this.#version);
    this.#apply(event);
    if (!isOlder(version, this.#version)) this.#version = version;
    hooks?.event?.(name, event.type);
  }

  #apply({ type, object }: WatchEvent): void {
    const { store } = this.#options;
    if (type === 'DELETED') remove(store, keyOf(object));
    else if (type !== 'BOOKMARK') {
      const result = transformed(this.#options, object);
      if (result.is === 'kept') store.set(result.object);
      else if (result.is === 'dropped') remove(store, result.key);
    }
  }

  #opened(): void {
    this.#note({ up: true });
    this.#options.hooks?.watching?.(this.name, this.namespace);
  }

  /** Decides where to continue, and returns the pause before it, in ms. */
  #recover(error: unknown, during: 'list' | 'watch'): number {
    const closable = this.namespace !== undefined;
    const { next, pause, refused } = recoveryFrom({ error, during, proven: this.#proven, closable });
    this.#note({ up: false, ...(refused && { refused }) });
    if (next === 'newest') this.#listAt = '';
    if (next === 'list') this.#listAt ??= this.#version;
    if (refused) this.#noteAnswer();
    return this.#pause.after(pause, retryAfterMsOf(error));
  }

  #note(news: Partial<ReflectorHealth>): void {
    const turned = news.up !== undefined && news.up !== this.#health.up;
    this.#health = { ...this.#health, ...news, ...(turned ? { since: this.#options.clock.now() } : {}) };
  }
}

function remove<T extends Stored>(store: Store<T>, key: string | undefined): void {
  if (key !== undefined) store.remove(key);
}
