/** An address came into or went out of service. */
export interface EndpointEvent {
  /** `back`: the address had left, and is in service again only because its Service has no ready endpoint. */
  readonly kind: 'join' | 'back' | 'leave';
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly ip: string;
  /** When the watcher received the line, in ms since the epoch. */
  readonly at: number;
}

/** An endpoint that is ready, or at least still serving. */
export interface Address {
  readonly ip: string;
  readonly ready: boolean;
}

/**
 * Which addresses are in service according to one source: the ready endpoints of a Service or, while there are none, its endpoints
 * that are terminating and still serving (as in kube-proxy, KEP-1669).
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

  /** Replaces the endpoints of the Service; returns how many have left. */
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
