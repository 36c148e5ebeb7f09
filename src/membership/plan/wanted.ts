import type { Member } from '../desired/desired.ts';
import type { Claim } from './claim.ts';

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
  /** At the same address, with another port. */
  readonly next: Place | undefined;
}

/** Every wanted place, found by address or instance (`addressOf`) and port. */
export class WantedPlaces {
  readonly #byAddress = new Map<string, Place>();

  constructor(claims: readonly Claim[]) {
    for (const claim of claims) {
      if (claim.desired.kind === 'members') this.add(claim, claim.desired.members);
    }
  }

  add(claim: Claim, members: readonly Member[], filled = false): void {
    for (const member of members) this.#want(claim, member, filled);
  }

  at(address: string, port: number): Place | undefined {
    return withPort(this.#byAddress.get(address), port);
  }

  *unfilled(): Iterable<Place> {
    for (const first of this.#byAddress.values()) {
      for (let place: Place | undefined = first; place !== undefined; place = place.next) {
        if (!place.filled) yield place;
      }
    }
  }

  #want(claim: Claim, member: Member, filled: boolean): void {
    const address = member.ip ?? member.instanceId ?? '';
    const { port } = member;
    const first = this.#byAddress.get(address);
    const place = withPort(first, port);
    if (place !== undefined) place.wanted.push({ claim, member });
    else this.#byAddress.set(address, { port, wanted: [{ claim, member }], filled, next: first });
  }
}

function withPort(first: Place | undefined, port: number): Place | undefined {
  let place = first;
  while (place !== undefined && place.port !== port) place = place.next;
  return place;
}
