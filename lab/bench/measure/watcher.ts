import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import { preciseNow } from '../../../simulator/gateway/call.ts';
import type { ControlPlane } from '../../control-plane/control-plane.ts';
import type { BareLoop } from './bare-loop.ts';

/**
 * An address began or ceased to be in service: it is a ready endpoint on a node that exists, or, while its Service has
 * none, one that is terminating and still serves (as kube-proxy does it, KEP-1669).
 */
export interface EndpointEvent {
  /** `back`: it left, and is in service again only because its Service has no ready endpoint. */
  readonly kind: 'join' | 'back' | 'leave';
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly ip: string;
  /** When the watcher had the line in its hands, in ms since the epoch. */
  readonly at: number;
}

interface Address {
  readonly ip: string;
  readonly node: string | undefined;
  readonly ready: boolean;
}

interface Slice {
  readonly service: string;
  /** Those that are ready or at least still serve. */
  readonly addresses: readonly Address[];
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
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
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
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #inService = new Map<string, ReadonlySet<string>>();
  readonly #lostNodes = new Set<string>();
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
    return [...(this.#inService.get(service) ?? [])].sort();
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
    const ofService = this.#slicesOf.get(service) ?? new Set();
    this.#slicesOf.set(service, ofService);
    if (type === 'DELETED') {
      this.#slices.delete(key);
      ofService.delete(key);
    } else {
      this.#slices.set(key, { service, addresses: addressesOf(object) });
      ofService.add(key);
    }
    this.#tellChanges(service, at);
  }

  #loseNode(node: string, at: number): void {
    this.#lostNodes.add(node);
    for (const service of this.#slicesOf.keys()) this.#tellChanges(service, at);
  }

  #tellChanges(service: string, at: number): void {
    const before = this.#inService.get(service) ?? new Set();
    const { after, isLastResort } = this.#inServiceNow(service);
    this.#inService.set(service, after);
    const gone = [...before].filter((ip) => !after.has(ip));
    const came = [...after].filter((ip) => !before.has(ip));
    for (const ip of gone) this.events.push({ kind: 'leave', service, ip, at });
    const kind = isLastResort ? 'back' : 'join';
    for (const ip of came) this.events.push({ kind, service, ip, at });
    if (gone.length > 0) this.#bare.post(at, gone.length);
  }

  #inServiceNow(service: string): { readonly after: ReadonlySet<string>; readonly isLastResort: boolean } {
    const ready = new Set<string>();
    const serving = new Set<string>();
    for (const key of this.#slicesOf.get(service) ?? []) {
      for (const address of this.#slices.get(key)?.addresses ?? []) {
        if (address.node !== undefined && this.#lostNodes.has(address.node)) continue;
        (address.ready ? ready : serving).add(address.ip);
      }
    }
    const isLastResort = ready.size === 0;
    return { after: isLastResort ? serving : ready, isLastResort };
  }
}

function addressesOf({ endpoints }: RawObject): readonly Address[] {
  return (endpoints ?? []).flatMap(({ addresses, nodeName, conditions }) => {
    const ready = conditions?.ready !== false;
    if (!ready && conditions?.serving !== true) return [];
    return [{ ip: addresses[0] ?? '', node: nodeName, ready }];
  });
}

async function text(response: IncomingMessage): Promise<string> {
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += chunk;
  return body;
}
