import type { EniLookup, EniResolver } from '../../cloud/eni-resolver.ts';
import { forgetOldest } from '../../forget-oldest.ts';
import type { Member } from '../../membership/desired/member.ts';
import type { GroupKey } from '../cluster/cluster-caches.ts';

/** A member whose ENI is not known, and why; put into words for the binding's user elsewhere. */
export interface MissingEni {
  readonly member: Member;
  readonly lookup: Exclude<EniLookup, { state: 'found' }>;
}

/** For which pod an address was last looked up. */
interface Known {
  readonly podUID: string | undefined;
  /** Undefined: there is no answer yet. The resolver may have it before anyone looks the address up again. */
  readonly eniId: string | undefined;
}

/**
 * Knows which ENI holds a pod's address. Each answer is for that pod only, even if it comes after the pod has left: a freed
 * address is given to the next pod, which may be behind another ENI.
 *
 * | the member to be looked up                               | = answer                |
 * |----------------------------------------------------------|-------------------------|
 * | a pod that is back after its row left a group            | the ENI that it had     |
 * | any other                                                | what the resolver knows |
 *
 * The address of an endpoint that names no pod may move to another ENI without any event. For such an address the newest
 * answer counts, and it is looked up periodically (`refresh`), whether or not it has a row.
 */
export class EniDirectory {
  readonly #resolver: EniResolver;
  readonly #known = new ByAddress();
  /** ENIs of addresses whose endpoint names no pod. */
  readonly #unnamed = new ByAddress();
  /** By group: the addresses whose endpoint names no pod, and when they were last looked up (`Clock.now()` milliseconds). */
  readonly #refreshed = new Map<GroupKey, { readonly at: number; readonly places: ReadonlySet<string> }>();
  /** ENIs of pods whose rows left; only lookups use them. */
  readonly #left = new ByAddress();
  /** By group: the places that its last lookup did not find. */
  readonly #waiting = new Map<GroupKey, ReadonlySet<string>>();

  constructor(resolver: EniResolver, enqueue: (group: GroupKey) => void) {
    this.#resolver = resolver;
    resolver.onResolved((regionId, ips) => {
      const places = ips.map((ip) => placeOf(regionId, ip));
      const concerned = new Set<GroupKey>();
      const awaited = new Set<string>();
      for (const [group, waiting] of this.#waiting) {
        const answered = places.filter((place) => waiting.has(place));
        for (const place of answered) awaited.add(place);
        if (answered.length > 0) concerned.add(group);
      }
      // Not while a group waits for the place: to a pod that now has the address a renewed answer would look stale,
      // and would be looked up again.
      const isRenewable = (place = '') => !awaited.has(place) && this.#isUnnamed(place);
      const moved = ips.filter((ip, i) => isRenewable(places[i]) && this.#renew(regionId, ip));
      for (const [group, { places: unnamed }] of this.#refreshed)
        if (moved.some((ip) => unnamed.has(placeOf(regionId, ip)))) concerned.add(group);
      for (const group of concerned) enqueue(group);
    });
  }

  eniOf(regionId: string, ip: string, podUID: string | undefined): string | undefined {
    return ofPod(this.#of(podUID).get(regionId, ip), podUID);
  }

  /** No binding is on the group any more. */
  forgetGroup(group: GroupKey): void {
    this.#waiting.delete(group);
    this.#refreshed.delete(group);
  }

  /**
   * Looks up the addresses of all `members` that name no pod. For answers that are no longer fresh the resolver asks ECS
   * again, and calls back if an address has moved. Going through all members takes time, so it is done every `REFRESH_MS`.
   */
  refresh(regionId: string, group: GroupKey, now: number, members: () => Iterable<Member>): void {
    if (now - (this.#refreshed.get(group)?.at ?? Number.NEGATIVE_INFINITY) < REFRESH_MS) return;
    const places = new Set<string>();
    for (const { ip, podUID } of members()) {
      if (ip === undefined || podUID !== undefined) continue;
      places.add(placeOf(regionId, ip));
      this.#renew(regionId, ip);
    }
    this.#refreshed.set(group, { at: now, places });
  }

  /** Someone changed a binding of the group: what was not found before may exist now. */
  lookAgain(regionId: string, group: GroupKey): void {
    for (const place of this.#waiting.get(group) ?? [])
      this.#resolver.invalidate(regionId, place.slice(placeOf(regionId, '').length));
  }

  #isUnnamed(place: string): boolean {
    for (const { places } of this.#refreshed.values()) if (places.has(place)) return true;
    return false;
  }

  /** Returns whether the address is now known to be behind a different ENI. */
  #renew(regionId: string, ip: string): boolean {
    const before = this.eniOf(regionId, ip, undefined);
    const lookup = this.#ask(regionId, ip, undefined);
    return lookup.state === 'found' && lookup.eniId !== before;
  }

  /** A pod's row leaves its group. Its ENI is remembered, so that the pod needs no lookup when it is ready again. */
  noteLeaver(regionId: string, ip: string, podUID: string, eniId: string): void {
    if (this.#known.get(regionId, ip)?.eniId === undefined) this.#left.set(regionId, ip, { podUID, eniId });
  }

  /**
   * Looks members up without blocking. Returns how many are known now, and those that are not (yet). From now on the group
   * is enqueued when those are answered, and no longer for earlier lookups.
   */
  resolve(
    regionId: string,
    members: readonly Member[],
    group: GroupKey,
  ): { found: number; missing: readonly MissingEni[] } {
    let found = 0;
    const missing: MissingEni[] = [];
    for (const member of members) {
      if (member.ip === undefined) continue;
      const lookup = this.#lookup(regionId, member.ip, member.podUID);
      if (lookup.state === 'found') {
        found++;
      } else {
        missing.push({ member, lookup });
      }
    }
    this.#waitFor(group, new Set(missing.map(({ member }) => placeOf(regionId, member.ip ?? ''))));
    return { found, missing };
  }

  #lookup(regionId: string, ip: string, podUID: string | undefined): EniLookup {
    const eniId = ofPod(this.#left.get(regionId, ip), podUID);
    if (eniId !== undefined) {
      this.#remember(regionId, ip, { podUID, eniId });
      return { state: 'found', eniId };
    }
    const known = this.#known.get(regionId, ip) ?? this.#unnamed.get(regionId, ip);
    if (podUID !== undefined && known !== undefined && known.podUID !== podUID) this.forget(regionId, ip);
    return this.#ask(regionId, ip, podUID);
  }

  /** The address must not be known for another pod: the resolver's answer may be about that one. */
  #ask(regionId: string, ip: string, podUID: string | undefined): EniLookup {
    const before = this.#of(podUID).get(regionId, ip);
    const lookup = this.#resolver.lookup(regionId, ip);
    const eniId = lookup.state === 'found' ? lookup.eniId : before?.eniId;
    if (before === undefined || before.eniId !== eniId) this.#remember(regionId, ip, { podUID, eniId });
    return lookup;
  }

  /** The API refused the ENI that was known for the address. */
  forget(regionId: string, ip: string): void {
    this.#known.delete(regionId, ip);
    this.#unnamed.delete(regionId, ip);
    this.#left.delete(regionId, ip);
    this.#resolver.invalidate(regionId, ip);
  }

  #remember(regionId: string, ip: string, eni: Known): void {
    this.#left.delete(regionId, ip);
    this.#of(eni.podUID).set(regionId, ip, eni);
  }

  #of(podUID: string | undefined): ByAddress {
    return podUID === undefined ? this.#unnamed : this.#known;
  }

  #waitFor(group: GroupKey, places: ReadonlySet<string>): void {
    if (places.size === 0) this.#waiting.delete(group);
    else this.#waiting.set(group, places);
  }
}

/** Resyncs are minutes apart, and answers stay fresh for longer. */
const REFRESH_MS = 60_000;

function placeOf(regionId: string, ip: string): string {
  return `${regionId}/${ip}`;
}

function ofPod(known: Known | undefined, podUID: string | undefined): string | undefined {
  return known !== undefined && known.podUID === podUID ? known.eniId : undefined;
}

/** Per region. */
const MOST_ENTRIES = 100_000;

/** By region, then by address. When a region has too many entries, the oldest are forgotten. */
class ByAddress {
  readonly #regions = new Map<string, Map<string, Known>>();

  get(regionId: string, ip: string): Known | undefined {
    return this.#regions.get(regionId)?.get(ip);
  }

  set(regionId: string, ip: string, eni: Known): void {
    const known = this.#regions.get(regionId) ?? new Map<string, Known>();
    this.#regions.set(regionId, known);
    known.delete(ip);
    known.set(ip, eni);
    forgetOldest(known, MOST_ENTRIES);
  }

  delete(regionId: string, ip: string): void {
    this.#regions.get(regionId)?.delete(ip);
  }
}
