/** An address began or ceased to be in service. */
export interface EndpointEvent {
  /** `back`: it left, and is in service again only because its Service has no ready endpoint. */
  readonly kind: 'join' | 'back' | 'leave';
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly ip: string;
  /** When the watcher had the line in its hands, in ms since the epoch. */
  readonly at: number;
}

/** An endpoint that is ready, or at least still serves. */
export interface Address {
  readonly ip: string;
  readonly ready: boolean;
}

/**
 * Which addresses are in service, by the word of one kind of witness: the ready endpoints of a Service and, while it has none, those
 * that are terminating and still serve (as kube-proxy does it, KEP-1669).
 */
export class InService {
  readonly events: EndpointEvent[] = [];
  readonly #addresses = new Map<string, ReadonlySet<string>>();

  knows(service: string): boolean {
    return this.#addresses.has(service);
  }

  of(service: string): readonly string[] {
    return [...(this.#addresses.get(service) ?? [])].sort();
  }

  /** What the Service has now; returns how many have left. */
  take(service: string, addresses: Iterable<Address>, at: number): number {
    const ready = new Set<string>();
    const serving = new Set<string>();
    for (const address of addresses) (address.ready ? ready : serving).add(address.ip);
    const isLastResort = ready.size === 0;
    const before = this.#addresses.get(service) ?? new Set();
    const after = isLastResort ? serving : ready;
    this.#addresses.set(service, after);
    const gone = [...before].filter((ip) => !after.has(ip));
    const came = [...after].filter((ip) => !before.has(ip));
    for (const ip of gone) this.events.push({ kind: 'leave', service, ip, at });
    const kind = isLastResort ? 'back' : 'join';
    for (const ip of came) this.events.push({ kind, service, ip, at });
    return gone.length;
  }
}
