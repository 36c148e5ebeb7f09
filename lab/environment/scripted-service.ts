import type { Workloads } from './workloads.ts';

const PORT = 8080;

/**
 * A Service without a selector and its one EndpointSlice, whose content is entirely up to the test: no pods, controllers or
 * scheduler are involved.
 */
export class ScriptedService {
  readonly #app: Workloads;
  readonly name: string;
  #endpoints: readonly string[] = [];

  private constructor(app: Workloads, name: string) {
    this.#app = app;
    this.name = name;
  }

  static async create(
    app: Workloads,
    addresses: readonly string[],
    name: string = 'web',
  ): Promise<ScriptedService> {
    const service = new ScriptedService(app, name);
    await app.api.create(app.path('api/v1', 'services'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { ports: [{ name: 'http', port: 80, targetPort: PORT }] },
    });
    await app.api.create(app.path('apis/discovery.k8s.io/v1', 'endpointslices'), {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: PORT, protocol: 'TCP' }],
      endpoints: addresses.map(endpoint),
    });
    service.#endpoints = addresses;
    return service;
  }

  get addresses(): readonly string[] {
    return this.#endpoints;
  }

  /** Returns once the API server has accepted the change. */
  async set(addresses: readonly string[]): Promise<void> {
    this.#endpoints = addresses;
    const path = `${this.#app.path('apis/discovery.k8s.io/v1', 'endpointslices')}/${this.name}-1`;
    await this.#app.api.patch(path, { endpoints: addresses.map(endpoint) });
  }

  async add(...addresses: readonly string[]): Promise<void> {
    await this.set([...this.#endpoints, ...addresses]);
  }

  async remove(...addresses: readonly string[]): Promise<void> {
    await this.set(this.#endpoints.filter((address) => !addresses.includes(address)));
  }
}

const endpoint = (address: string) => ({ addresses: [address], conditions: { ready: true } });

/** `count` addresses of the network 10.`net`.0.0/16, in order. */
export function addressesOf(net: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `10.${net}.${Math.floor(i / 250)}.${(i % 250) + 1}`);
}
