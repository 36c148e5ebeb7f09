import type { EniLookup, EniResolver } from '../alibaba/eni-resolver.ts';
import type { Member } from '../membership/desired.ts';
import type { GroupKey } from './cluster-caches.ts';

/** What a look-up did not find, worded later for the binding's user. */
export interface MissingEni {
  readonly member: Member;
  readonly lookup: Exclude<EniLookup, { state: 'found' }>;
}

interface Known {
  readonly podUID: string | undefined;
  readonly eniId: string;
}

/** Of one region. */
const MOST_ENTRIES = 100_000;

/**
 * Which ENI holds a pod's address, remembered for that very pod: an address goes to the next pod as soon as it is free,
 * and that pod may sit behind another ENI.
 */
export class EniDirectory {
  readonly #resolver: EniResolver;
  /** By region, then by address. */
  readonly #known = new Map<string, Map<string, Known>>();
  readonly #waiting = new Map<string, Set<GroupKey>>();
  #version = 0;

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

  /** As long as it is the same, `eniOf` answers the same. */
  get version(): number {
    return this.#version;
  }

  eniOf(regionId: string, ip: string, podUID: string | undefined): string | undefined {
    const known = this.#known.get(regionId)?.get(ip);
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
      const known = this.#known.get(regionId)?.get(member.ip);
      if (known !== undefined && known.podUID !== member.podUID) this.forget(regionId, member.ip);
      const lookup = this.#resolver.lookup(regionId, member.ip);
      if (lookup.state === 'found') {
        this.#remember(regionId, member.ip, { podUID: member.podUID, eniId: lookup.eniId });
        found++;
      } else {
        missing.push({ member, lookup });
        this.#waitFor(`${regionId}/${member.ip}`, group);
      }
    }
    return { found, missing };
  }

  /** The API refused what was known of the address. */
  forget(regionId: string, ip: string): void {
    this.#version++;
    this.#known.get(regionId)?.delete(ip);
    this.#resolver.invalidate(regionId, ip);
  }

  #remember(regionId: string, ip: string, eni: Known): void {
    this.#version++;
    const known = this.#known.get(regionId) ?? new Map<string, Known>();
    this.#known.set(regionId, known);
    known.delete(ip);
    known.set(ip, eni);
    if (known.size <= MOST_ENTRIES) return;
    const oldest = known.keys().next().value;
    if (oldest !== undefined) known.delete(oldest);
  }

  #waitFor(place: string, group: GroupKey): void {
    const groups = this.#waiting.get(place);
    if (groups === undefined) this.#waiting.set(place, new Set([group]));
    else groups.add(group);
  }
}
