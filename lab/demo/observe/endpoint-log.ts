export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly pod: string;
}

/** A watch event that changed something. */
export interface EndpointChange {
  /** When the event was received, in ms since the epoch. */
  readonly at: number;
  readonly left: readonly Endpoint[];
  readonly joined: readonly Endpoint[];
  /** Addresses that passed from one pod to another, for which the group need not change. */
  readonly handedOver: readonly Endpoint[];
  /** The number of ready endpoints after the event. */
  readonly ready: number;
}

/** The fields of a discovery.k8s.io/v1 EndpointSlice that are needed. The API server writes null for empty lists. */
export interface EndpointSlice {
  readonly metadata: { readonly name: string };
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean };
        readonly targetRef?: { readonly name?: string };
      }[]
    | null;
  readonly ports?: readonly { readonly port?: number }[] | null;
}

/** What an independent observer sees of one Service: its ready endpoints, and how they came and went. */
export class EndpointLog {
  readonly changes: EndpointChange[] = [];
  readonly #slices = new Map<string, readonly Endpoint[]>();
  #ready: ReadonlyMap<string, Endpoint> = new Map();

  /** Keyed by `address:port`. */
  get ready(): ReadonlyMap<string, Endpoint> {
    return this.#ready;
  }

  apply(type: string, slice: EndpointSlice, at: number): void {
    if (type === 'DELETED') this.#slices.delete(slice.metadata.name);
    else this.#slices.set(slice.metadata.name, readyEndpoints(slice));
    const before = this.#ready;
    const after = byKey([...this.#slices.values()].flat());
    this.#ready = after;
    const left = [...before].filter(([key]) => !after.has(key)).map(([, endpoint]) => endpoint);
    const joined = [...after].filter(([key]) => !before.has(key)).map(([, endpoint]) => endpoint);
    const handedOver = [...after]
      .filter(([key, { pod }]) => before.has(key) && before.get(key)?.pod !== pod)
      .map(([, endpoint]) => endpoint);
    if (left.length + joined.length + handedOver.length === 0) return;
    this.changes.push({ at, left, joined, handedOver, ready: after.size });
  }
}

/** An endpoint without the condition counts as ready, as the API specifies. */
export function readyEndpoints({ endpoints, ports }: EndpointSlice): Endpoint[] {
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses, targetRef }) =>
      (ports ?? []).flatMap(({ port }) =>
        port === undefined ? [] : addresses.map((address) => ({ address, port, pod: targetRef?.name ?? '' })),
      ),
    );
}

export function byKey(endpoints: readonly Endpoint[]): ReadonlyMap<string, Endpoint> {
  return new Map(endpoints.map((endpoint) => [`${endpoint.address}:${endpoint.port}`, endpoint]));
}
