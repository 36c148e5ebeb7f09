import type { ApiError } from './api-error.ts';

/** What is known about an address. `since` is in `Clock.now()` milliseconds. */
export type EniLookup =
  | { readonly state: 'found'; readonly eniId: string }
  | { readonly state: 'pending' }
  | { readonly state: 'missing'; readonly since: number }
  | { readonly state: 'failed'; readonly error: ApiError };

/** Which network interface holds a pod's address: needed for additions only. */
export interface EniResolver {
  /** Never blocks: answers what is known, and starts a look-up in the background when nothing is. */
  lookup(regionId: string, ip: string): EniLookup;
  /** Forgets an address, because the API refused what was known of it. */
  invalidate(regionId: string, ip: string): void;
  /** Calls back with the addresses of which `lookup` now answers something else. */
  onResolved(listener: (regionId: string, ips: readonly string[]) => void): void;
}
