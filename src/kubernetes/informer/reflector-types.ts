import type { Clock } from '../../clock.ts';
import type { KubeTransport, WatchEvent } from '../client/transport-types.ts';
import type { Store, Stored } from './store.ts';
import type { Turns } from './turns.ts';

export interface ReflectorOptions<T extends Stored> {
  /** For logs and metrics. */
  readonly name: string;
  readonly transport: Pick<KubeTransport, 'request' | 'watch'>;
  /** Of the collection: `/api/v1/namespaces/shop/pods`. */
  readonly path: string;
  readonly query?: { readonly labelSelector?: string; readonly fieldSelector?: string };
  /** What to keep of an object; undefined for one that is of no interest. One it throws at is refused: see `hooks.refused`. */
  readonly transform: (raw: unknown) => T | undefined;
  readonly store: Store<T>;
  /** Shared by reflectors that would need too much memory if all of them read a page at once. */
  readonly pages?: Turns;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly hooks?: ReflectorHooks;
}

/** For logs and metrics. One object may serve all reflectors, hence the names. */
export interface ReflectorHooks {
  listed?(name: string, list: ListRecord): void;
  watching?(name: string): void;
  event?(name: string, type: WatchEvent['type']): void;
  failed?(name: string, failure: { error: unknown; during: 'list' | 'watch'; retryInMs: number }): void;
  /** `transform` threw: what the store holds under that key, if anything, stays. */
  refused?(name: string, refusal: { key: string | undefined; error: unknown }): void;
  /** A list would have removed so much that it is read once more before anything of it is believed. */
  doubted?(name: string, doubt: { stored: number; removals: number }): void;
}

export interface ListRecord {
  readonly items: number;
  readonly durationMs: number;
  /** The version asked for: '' the newest, else not older than it. */
  readonly resourceVersion: string;
}

export interface ReflectorHealth {
  readonly name: string;
  readonly synced: boolean;
  /** A watch is open, or was closed properly and is just being opened again. */
  readonly up: boolean;
  /** Monotonic time (`clock.now()`) since when it has been up or down. */
  readonly since: number;
}
