import type { Clock } from '../../clock.ts';
import type { KubeTransport, WatchEvent } from '../client/transport-types.ts';
import type { Store, Stored } from './store.ts';
import type { Turns } from './turns.ts';

export interface ReflectorOptions<T extends Stored> {
  /** For logs and metrics. */
  readonly name: string;
  readonly transport: Pick<KubeTransport, 'request' | 'watch'>;
  /** Path of the collection, such as `/api/v1/namespaces/shop/pods`. */
  readonly path: string;
  readonly query?: { readonly labelSelector?: string; readonly fieldSelector?: string };
  /** Given if the collection is of one of several namespaces. While it is answered with 403, nobody waits for it (`Informers`). */
  readonly namespace?: string | undefined;
  /** Returns what to keep of an object, or undefined to ignore it. If it throws, the object is refused: see `hooks.refused`. */
  readonly transform: (raw: unknown) => T | undefined;
  readonly store: Store<T>;
  /** Shared by reflectors that would need too much memory if they all read a page at once. */
  readonly pages?: Turns;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly hooks?: ReflectorHooks;
}

/** For logs and metrics. One object may serve all reflectors, hence the names. */
export interface ReflectorHooks {
  listed?(name: string, list: ListRecord): void;
  watching?(name: string, namespace?: string): void;
  event?(name: string, type: WatchEvent['type']): void;
  failed?(
    name: string,
    failure: { error: unknown; during: 'list' | 'watch'; retryInMs: number },
    namespace?: string,
  ): void;
  /** `transform` threw. The object that the store has under that key, if any, stays. */
  refused?(name: string, refusal: { key: string | undefined; error: unknown }): void;
  /** A list would have removed so much that it is read again before it is used. */
  doubted?(name: string, doubt: { stored: number; removals: number }): void;
}

export interface ListRecord {
  readonly items: number;
  readonly durationMs: number;
  /** The requested version: '' for the newest, otherwise that version or a newer one. */
  readonly resourceVersion: string;
}

export interface ReflectorHealth {
  readonly name: string;
  readonly synced: boolean;
  /** The collection was answered with 403 since its last list, and is of one of several namespaces. */
  readonly refused: boolean;
  /** A watch is open, or was closed properly and is being reopened. */
  readonly up: boolean;
  /** When `up` last changed, in monotonic time (`clock.now()`). */
  readonly since: number;
}
