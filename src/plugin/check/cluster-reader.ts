import { asArray, asObject, type JsonObject } from '../../json.ts';
import type { Query } from '../../kubernetes/client/transport-types.ts';
import type { Cluster } from '../command.ts';
import { type KubeSeen, seenInCluster } from './seen.ts';

/** Timeout for each request, as a person is waiting. */
const PATIENCE_MS = 10_000;

/** Reads objects as they are; rejects with the transport's errors. */
export class ClusterReader {
  readonly #cluster: Cluster;
  readonly #signal: AbortSignal;

  constructor(cluster: Cluster, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#signal = signal;
  }

  async get(path: string, query: Query = {}): Promise<JsonObject> {
    const options = { query, signal: this.#signal, timeoutMs: PATIENCE_MS };
    return asObject(await this.#cluster.transport.request('GET', path, options));
  }

  async list(path: string, query: Query = {}): Promise<readonly JsonObject[]> {
    return asArray((await this.get(path, query))['items']).map(asObject);
  }

  see<T>(look: () => Promise<T>): Promise<KubeSeen<T>> {
    return seenInCluster(this.#signal, look);
  }
}
