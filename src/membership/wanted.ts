import type { Claim } from './claim.ts';
import type { Member } from './desired.ts';

/** A binding wants a row: for one of its members, or because it holds on to what is alive while it is undetermined. */
export interface Wanted {
  readonly claim: Claim;
  readonly member: Member | undefined;
}

/** A place in the group that at least one binding wants filled (`Slot`). */
export interface Place {
  readonly port: number;
  /** In the order of the claims. */
  readonly wanted: Wanted[];
  /** A row fills it. */
  filled: boolean;
}

/** Every wanted place, found by address or instance (`addressOf`) and port. */
export class WantedPlaces {
  readonly #byAddress = new Map<string, Place[]>();

  constructor(claims: readonly Claim[]) {
    for (const claim of claims) {
      if (claim.desired.kind !== 'members') continue;
      for (const member of claim.desired.members) this.#want(claim, member);
    }
  }

  at(address: string, port: number): Place | undefined {
    return this.#byAddress.get(address)?.find((place) => place.port === port);
  }

  *unfilled(): Iterable<Place> {
    for (const places of this.#byAddress.values()) {
      for (const place of places) if (!place.filled) yield place;
    }
  }

  #want(claim: Claim, member: Member): void {
    const address = member.ip ?? member.instanceId ?? '';
    const places = this.#byAddress.get(address);
    const place = places?.find(({ port }) => port === member.port);
    if (place !== undefined) {
      place.wanted.push({ claim, member });
      return;
    }
    const added: Place = { port: member.port, wanted: [{ claim, member }], filled: false };
    if (places === undefined) this.#byAddress.set(address, [added]);
    else places.push(added);
  }
}
