import { asObject, asString, type JsonObject } from '../../json.ts';
import { hasStatus } from '../client/api-error.ts';
import type { KubeTransport } from '../client/transport-types.ts';

/** A raw Lease as sent by the API server, so that fields of later API versions are kept when it is written back. */
export type Lease = JsonObject;

export interface LeaseSpec {
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  /** A MicroTime, like `renewTime`. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly leaseTransitions: number;
}

/** Reads and writes one Lease of coordination.k8s.io/v1. `replace` fails with 409 if the Lease has changed since it was read. */
export class LeaseClient {
  readonly #transport: Pick<KubeTransport, 'request'>;
  readonly #namespace: string;
  readonly #name: string;

  constructor(transport: Pick<KubeTransport, 'request'>, namespace: string, name: string) {
    this.#transport = transport;
    this.#namespace = namespace;
    this.#name = name;
  }

  async get(timeoutMs: number): Promise<Lease | undefined> {
    try {
      return asObject(
        await this.#transport.request('GET', `${this.#collection}/${this.#name}`, { timeoutMs }),
      );
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async create(spec: LeaseSpec, timeoutMs: number): Promise<Lease> {
    const metadata = { namespace: this.#namespace, name: this.#name };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    return asObject(await this.#transport.request('POST', this.#collection, { body, timeoutMs }));
  }

  async replace(lease: Lease, spec: LeaseSpec, timeoutMs: number): Promise<Lease> {
    const body = { ...lease, spec: { ...asObject(lease['spec']), ...spec } };
    const path = `${this.#collection}/${this.#name}`;
    return asObject(await this.#transport.request('PUT', path, { body, timeoutMs }));
  }

  get #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#namespace}/leases`;
  }
}

export function readSpec(lease: Lease): LeaseSpec {
  const spec = asObject(lease['spec']);
  return {
    holderIdentity: asString(spec['holderIdentity']),
    leaseDurationSeconds: whole(spec['leaseDurationSeconds']),
    acquireTime: asString(spec['acquireTime']),
    renewTime: asString(spec['renewTime']),
    leaseTransitions: whole(spec['leaseTransitions']),
  };
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 0;
}
