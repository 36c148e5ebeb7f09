import type { Endpoint, Pod, SliceOptions, Workloads } from '../../lab/environment/workloads.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';

/** The state of an endpoint in its slice. */
export type EndpointState = 'ready' | 'leaving' | 'serving';

const CONDITIONS = {
  ready: { ready: true, serving: true, terminating: false },
  leaving: { ready: false, serving: false, terminating: true },
  serving: { ready: false, serving: true, terminating: true },
} as const;

/** A pod that exists as an object; the test decides whether it is an endpoint, and with which address. */
export interface ScriptedPod {
  readonly name: string;
  readonly uid: string;
  readonly address: string;
  readonly node: string;
}

/**
 * A Service with hand-written endpoints in front of pods that are real objects: events come in exactly the order that a test
 * chooses, and an address becomes free when the test says so.
 */
export class ScriptedPods {
  readonly #app: Workloads;
  readonly #service: string;
  #last = 0;

  private constructor(app: Workloads, service: string) {
    this.#app = app;
    this.#service = service;
  }

  static async create(
    app: Workloads,
    service: string,
    spec: Readonly<Record<string, unknown>> = {},
  ): Promise<ScriptedPods> {
    await app.createService(service, { selector: undefined, ...spec });
    return new ScriptedPods(app, service);
  }

  /** The addresses are in `10.<network>.`, which no other test may use. */
  async createPods(network: string, count: number, node = 'node0'): Promise<readonly ScriptedPod[]> {
    const first = this.#last + 1;
    this.#last += count;
    return await Promise.all(
      Array.from({ length: count }, (_, i) => this.createPod(`10.${network}.${first + i}`, node)),
    );
  }

  async createPod(address: string, node = 'node0'): Promise<ScriptedPod> {
    const name = `${this.#service}-${address.replaceAll('.', '-')}-${crypto.randomUUID().slice(0, 4)}`;
    const { metadata } = await this.#app.api.create<Pod>(this.#app.path('api/v1', 'pods'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { nodeName: node, containers: [{ name: 'app', image: 'app' }] },
    });
    return { name, uid: metadata.uid ?? '', address, node };
  }

  /** When this returns, the pod is gone from the API server. */
  async end({ name }: ScriptedPod): Promise<void> {
    const path = `${this.#app.path('api/v1', 'pods')}/${name}`;
    await this.#app.api.delete(path, { gracePeriodSeconds: 0 });
    await waitUntil(`${name} to be gone`, async () => !(await this.#app.api.find(path)));
  }

  /** Sets the content of the Service's slice: one event. */
  async show(
    pods: readonly (ScriptedPod | readonly [ScriptedPod, EndpointState])[],
    options: SliceOptions = {},
  ): Promise<void> {
    const endpoints = pods.map((entry) => {
      const [pod, state] = 'name' in entry ? ([entry, 'ready'] as const) : entry;
      return this.#endpoint(pod, state);
    });
    await this.#app.applySlice(this.#service, endpoints, options);
  }

  #endpoint({ name, uid, address, node }: ScriptedPod, state: EndpointState): Endpoint {
    return {
      addresses: [address],
      conditions: CONDITIONS[state],
      nodeName: node,
      targetRef: { kind: 'Pod', name, namespace: this.#app.namespace, uid },
    };
  }
}
