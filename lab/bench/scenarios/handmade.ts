import type { Workloads } from '../../environment/workloads.ts';
import type { Bed } from '../bed.ts';
import { inParallel } from '../measure/statistics.ts';
import { addressOf, fill, PORT } from './prefilled.ts';

const LARGEST_SLICE = 100;

/**
 * Services without a selector, with hand-made EndpointSlices. The slices name pods outside this cluster (on none of its nodes), so
 * the slices alone say which pods are alive, and twenty thousand endpoints can be created in seconds.
 */
export class HandmadeServices {
  readonly app: Workloads;
  readonly groups = new Map<string, string>();
  readonly #bed: Bed;
  readonly #endpoints: number;
  readonly #prefilled: boolean;
  #next = 0;

  private constructor(bed: Bed, app: Workloads, endpoints: number, prefilled: boolean) {
    this.#bed = bed;
    this.app = app;
    this.#endpoints = endpoints;
    this.#prefilled = prefilled;
  }

  /** `prefilled`: the groups already hold the rows, with the operator's tag. */
  static async create(
    bed: Bed,
    count: number,
    endpoints: number,
    { prefilled = true }: { readonly prefilled?: boolean } = {},
  ): Promise<HandmadeServices> {
    const app = await bed.env.createNamespace('bench');
    const services = new HandmadeServices(bed, app, endpoints, prefilled);
    await services.add(count);
    return services;
  }

  /** Creates more such Services. */
  async add(count: number): Promise<void> {
    const indexes = Array.from({ length: count }, () => this.#next++);
    for (const index of indexes) this.groups.set(`${this.app.namespace}/web${index}`, this.#group(index));
    await inParallel(indexes, 16, async (index) => {
      await this.app.createService(`web${index}`, { selector: undefined });
      for (let part = 0; part * LARGEST_SLICE < this.#endpoints; part++) {
        await this.app.api.create(this.#slices(), this.#slice(index, part));
      }
      await this.app.bind(`web${index}`, this.groups.get(`${this.app.namespace}/web${index}`) ?? '');
    });
  }

  /** Takes one endpoint out of service, or brings it back. */
  async setReady(service: number, endpoint: number, ready: boolean): Promise<void> {
    const part = Math.floor(endpoint / LARGEST_SLICE);
    const path = `/endpoints/${endpoint % LARGEST_SLICE}/conditions/ready`;
    await this.app.api.patch(
      `${this.#slices()}/web${service}-${part}`,
      [{ op: 'replace', path, value: ready }],
      'json',
    );
  }

  /** Takes all endpoints of one slice out of service. */
  async emptySlice(service: number, part: number): Promise<void> {
    await this.app.api.patch(
      `${this.#slices()}/web${service}-${part}`,
      [{ op: 'replace', path: '/endpoints', value: [] }],
      'json',
    );
  }

  #group(index: number): string {
    const group = this.#bed.env.createGroup();
    if (!this.#prefilled) return group;
    const ips = Array.from({ length: this.#endpoints }, (_, endpoint) => this.#ip(index, endpoint));
    fill(this.#bed.env, group, { namespace: this.app.namespace, name: `web${index}` }, ips);
    return group;
  }

  #slices(): string {
    return this.app.path('apis/discovery.k8s.io/v1', 'endpointslices');
  }

  #slice(index: number, part: number): object {
    const from = part * LARGEST_SLICE;
    const count = Math.min(LARGEST_SLICE, this.#endpoints - from);
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `web${index}-${part}`,
        labels: { 'kubernetes.io/service-name': `web${index}` },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: PORT, protocol: 'TCP' }],
      endpoints: Array.from({ length: count }, (_, i) => this.#endpoint(index, from + i)),
    };
  }

  #endpoint(index: number, endpoint: number): object {
    const { namespace } = this.app;
    const id = index * this.#endpoints + endpoint;
    return {
      addresses: [this.#ip(index, endpoint)],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace, name: `web${index}-${endpoint}`, uid: `pod-${id}` },
    };
  }

  #ip(index: number, endpoint: number): string {
    return addressOf(index * this.#endpoints + endpoint);
  }
}
