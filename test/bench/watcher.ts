import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { preciseNow } from '../slb-simulator/call.ts';
import type { BareLoop } from './bare-loop.ts';

/** An address began or ceased to be a ready endpoint of a Service. */
export interface EndpointEvent {
  readonly kind: 'join' | 'leave';
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly ip: string;
  /** When the watcher had the line in its hands, in ms since the epoch. */
  readonly at: number;
}

interface Slice {
  readonly service: string;
  readonly addresses: ReadonlyMap<string, string | undefined>;
}

interface RawObject {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly nodeName?: string;
    readonly conditions?: { readonly ready?: boolean };
  }[];
}

/**
 * Watches EndpointSlices and Nodes over plain HTTPS, with nothing of the operator's own code: when it has read a line is
 * when anybody could have known.
 */
export class Watcher {
  readonly events: EndpointEvent[] = [];
  readonly #plane: ControlPlane;
  readonly #bare: BareLoop;
  readonly #agent = new https.Agent({ keepAlive: true });
  readonly #slices = new Map<string, Slice>();
  /** By Service: how many slices show the address as ready. */
  readonly #ready = new Map<string, Map<string, number>>();
  readonly #open = new Set<IncomingMessage>();
  #closed = false;

  private constructor(plane: ControlPlane, bare: BareLoop) {
    this.#plane = plane;
    this.#bare = bare;
  }

  static async start(plane: ControlPlane, bare: BareLoop): Promise<Watcher> {
    const watcher = new Watcher(plane, bare);
    const take = (type: string, object: RawObject, at: number) => watcher.#takeSlice(type, object, at);
    await watcher.#watch('/apis/discovery.k8s.io/v1/endpointslices', take);
    await watcher.#watch('/api/v1/nodes', (type, { metadata }, at) => {
      if (type === 'DELETED') watcher.#loseNode(metadata.name, at);
    });
    return watcher;
  }

  readyAddresses(service: string): readonly string[] {
    return [...(this.#ready.get(service)?.keys() ?? [])].sort();
  }

  clear(): void {
    this.events.length = 0;
    this.#bare.clear();
  }

  close(): void {
    this.#closed = true;
    for (const response of this.#open) response.destroy();
    this.#agent.destroy();
  }

  async #watch(path: string, take: (type: string, object: RawObject, at: number) => void): Promise<void> {
    const list = JSON.parse(await text(await this.#get(path))) as {
      readonly metadata: { readonly resourceVersion: string };
      readonly items: readonly RawObject[];
    };
    for (const object of list.items) take('ADDED', object, preciseNow());
    let version = list.metadata.resourceVersion;
    const open = async (): Promise<void> => {
      const response = await this.#get(
        `${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${version}`,
      );
      this.#open.add(response);
      let pending = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const at = preciseNow();
        const lines = (pending + chunk).split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) {
          const { type, object } = JSON.parse(line) as { type: string; object: RawObject };
          version = object.metadata.resourceVersion;
          if (type !== 'BOOKMARK') take(type, object, at);
        }
      });
      response.on('error', () => {});
      response.on('close', () => {
        this.#open.delete(response);
        if (!this.#closed) void open();
      });
    };
    await open();
  }

  #get(path: string): Promise<IncomingMessage> {
    const { server, caFile, adminToken } = this.#plane;
    return new Promise((resolve, reject) => {
      https
        .get(
          `${server}${path}`,
          {
            ca: readFileSync(caFile),
            agent: this.#agent,
            headers: { authorization: `Bearer ${adminToken}`, accept: 'application/json' },
          },
          resolve,
        )
        .on('error', (error) => {
          if (!this.#closed) reject(error);
        });
    });
  }

  #takeSlice(type: string, object: RawObject, at: number): void {
    const { namespace, name, labels } = object.metadata;
    const service = `${namespace}/${labels?.['kubernetes.io/service-name']}`;
    const key = `${namespace}/${name}`;
    const before = this.#slices.get(key)?.addresses ?? new Map<string, string>();
    const after = type === 'DELETED' ? new Map<string, string>() : readyOf(object);
    if (type === 'DELETED') this.#slices.delete(key);
    else this.#slices.set(key, { service, addresses: after });
    this.#tell(
      service,
      at,
      [...before.keys()].filter((ip) => !after.has(ip)),
      [...after.keys()].filter((ip) => !before.has(ip)),
    );
  }

  /** What ran on a node that is gone has left, whatever its slice still says. */
  #loseNode(node: string, at: number): void {
    for (const { service, addresses } of this.#slices.values()) {
      const lost = [...addresses].filter(([, on]) => on === node).map(([ip]) => ip);
      this.#tell(service, at, lost, []);
    }
  }

  #tell(service: string, at: number, left: readonly string[], joined: readonly string[]): void {
    const counts = this.#ready.get(service) ?? new Map<string, number>();
    this.#ready.set(service, counts);
    // First what came: an address may move from one slice to another.
    for (const ip of joined) {
      const count = counts.get(ip) ?? 0;
      counts.set(ip, count + 1);
      if (count === 0) this.events.push({ kind: 'join', service, ip, at });
    }
    const gone: EndpointEvent[] = [];
    for (const ip of left) {
      const count = counts.get(ip);
      if (count === undefined) continue;
      if (count > 1) counts.set(ip, count - 1);
      else {
        counts.delete(ip);
        gone.push({ kind: 'leave', service, ip, at });
      }
    }
    this.events.push(...gone);
    if (gone.length > 0) this.#bare.post(at, gone.length);
  }
}

function readyOf({ endpoints }: RawObject): ReadonlyMap<string, string | undefined> {
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  return new Map(ready.map(({ addresses, nodeName }) => [addresses[0] ?? '', nodeName]));
}

async function text(response: IncomingMessage): Promise<string> {
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += chunk;
  return body;
}
