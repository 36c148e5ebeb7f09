import type { EniLookup, EniResolver } from '../alibaba/eni-resolver.ts';
import type { Member } from '../membership/desired.ts';
import type { GroupKey } from './cluster-caches.ts';

/** What a look-up did not find, worded later for the binding's user. */
export interface MissingEni {
  readonly member: Member;
  readonly lookup: Exclude<EniLookup, { state: 'found' }>;
}

const MOST_ENTRIES = 100_000;

/**
 * Which ENI holds a pod's address, remembered for that very pod: an address goes to the next pod as soon as it is free,
 * and that pod may sit behind another ENI.
 */
export class EniDirectory {
  readonly #resolver: EniResolver;
  readonly #known = new Map<string, { readonly podUID: string | undefined; readonly eniId: string }>();
  readonly #waiting = new Map<string, Set<GroupKey>>();

  constructor(resolver: EniResolver, enqueue: (group: GroupKey) => void) {
    this.#resolver = resolver;
    resolver.onResolved((regionId, ips) => {
      const groups = new Set<GroupKey>();
      for (const ip of ips) {
        const place = `${regionId}/${ip}`;
        for (const group of this.#waiting.get(place) ?? []) groups.add(group);
        this.#waiting.delete(place);
      }
      for (const group of groups) enqueue(group);
    });
  }

  eniOf(regionId: string, ip: string, podUID: string | undefined): string | undefined {
    const known = this.#known.get(`${regionId}/${ip}`);
    return known !== undefined && known.podUID === podUID ? known.eniId : undefined;
  }

  /** Looks members up without blocking. Returns how many are known now, and those that are not (yet). */
  resolve(
    regionId: string,
    members: readonly Member[],
    group: GroupKey,
  ): { found: number; missing: readonly MissingEni[] } {
    let found = 0;
    const missing: MissingEni[] = [];
    for (const member of members) {
      if (member.ip === undefined) continue;
      const place = `${regionId}/${member.ip}`;
      const known = this.#known.get(place);
      if (known !== undefined && known.podUID !== member.podUID) {
        this.#known.delete(place);
        this.#resolver.invalidate(regionId, member.ip);
      }
      const lookup = this.#resolver.lookup(regionId, member.ip);
      if (lookup.state === 'found') {
        this.#remember(place, member.podUID, lookup.eniId);
        found++;
      } else {
        missing.push({ member, lookup });
        this.#waitFor(place, group);
      }
    }
    return { found, missing };
  }

  /** The API refused what was known of the address. */
  forget(regionId: string, ip: string): void {
    this.#known.delete(`${regionId}/${ip}`);
    this.#resolver.invalidate(regionId, ip);
  }

  #remember(place: string, podUID: string | undefined, eniId: string): void {
    this.#known.delete(place);
    this.#known.set(place, { podUID, eniId });
    if (this.#known.size <= MOST_ENTRIES) return;
    const oldest = this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #waitFor(place: string, group: GroupKey): void {
    const groups = this.#waiting.get(place);
    if (groups === undefined) this.#waiting.set(place, new Set([group]));
    else groups.add(group);
  }
}
