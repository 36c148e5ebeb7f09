import type { ApiError } from './api-error.ts';

/** What is known about an address. `since` is in `Clock.now()` milliseconds. */
export type EniLookup =
  | { readonly state: 'found'; readonly eniId: string }
  | { readonly state: 'pending' }
  | { readonly state: 'missing'; readonly since: number }
  | { readonly state: 'failed'; readonly error: ApiError };

/** Finds the network interface that holds a pod's address. Only additions need it. */
export interface EniResolver {
  /** Never blocks: returns the cached answer, and starts a lookup in the background if there is none or it is due again. */
  lookup(regionId: string, ip: string): EniLookup;
  /** Forgets an address, because the API refused its cached interface. */
  invalidate(regionId: string, ip: string): void;
  /** Calls back with the addresses whose `lookup` answer has changed. */
  onResolved(listener: (regionId: string, ips: readonly string[]) => void): void;
}
