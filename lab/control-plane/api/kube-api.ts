import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, request } from 'undici';

/** The fields that every Kubernetes object has. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

export interface KubeList<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly T[];
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

export type PatchType = 'merge' | 'json' | 'strategic';

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

const REQUEST_TIMEOUT_MS = 30_000;

/** A response of the API server other than 2xx. */
export class KubeApiError extends Error {
  readonly status: number;
  /** The API's reason, for example "NotFound". */
  readonly reason: string;
  /** The API server's message. */
  readonly explanation: string;

  constructor(call: string, status: number, body: string) {
    const { reason, message } = parseStatus(body);
    super(`${call}: ${status} ${reason}: ${message}`);
    this.name = 'KubeApiError';
    this.status = status;
    this.reason = reason;
    this.explanation = message;
  }
}

/** The Kubernetes API by path, for tests and the demo: one request per call, no cache and no retries. */
export class KubeApi {
  readonly #server: string;
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(server: string, agent: Agent, headers: Readonly<Record<string, string>>) {
    this.#server = server;
    this.#agent = agent;
    this.#headers = headers;
  }

  /** Accepts every kind of credential that a kubeconfig can hold; a credential plugin is called once. */
  static async fromKubeconfig(path: string, context?: string): Promise<KubeApi> {
    const config = new KubeConfig();
    config.loadFromFile(path);
    if (context !== undefined) config.setCurrentContext(context);
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error(`${path} has no cluster for the context "${config.getCurrentContext()}"`);
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const connect = { ca, cert, key, rejectUnauthorized, servername };
    const agent = new Agent({ connect: withoutUndefined(connect) });
    return new KubeApi(cluster.server.replace(/\/$/, ''), agent, headersOf(options));
  }

  /** Returns the parsed response; throws a KubeApiError if it is not 2xx. */
  async request<T = unknown>(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<T> {
    const response = await request(`${this.#server}${path}`, {
      method,
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      headers: { ...this.#headers, accept: 'application/json', 'content-type': contentType },
      body: body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode < 200 || response.statusCode > 299) {
      throw new KubeApiError(`${method} ${path}`, response.statusCode, text);
    }
    return isJson(response.headers['content-type']) ? JSON.parse(text) : (text as T);
  }

  async get<T = KubeObject>(path: string): Promise<T> {
    return await this.request('GET', path);
  }

  /** The object, or undefined if there is none. */
  async find<T = KubeObject>(path: string): Promise<T | undefined> {
    try {
      return await this.get(path);
    } catch (error) {
      if (error instanceof KubeApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list<T = KubeObject>(path: string, labelSelector?: string): Promise<readonly T[]> {
    const query = labelSelector === undefined ? '' : `?labelSelector=${encodeURIComponent(labelSelector)}`;
    return (await this.get<KubeList<T>>(`${path}${query}`)).items;
  }

  async create<T = KubeObject>(path: string, object: unknown): Promise<T> {
    return await this.request('POST', path, object);
  }

  async replace<T = KubeObject>(path: string, object: unknown): Promise<T> {
    return await this.request('PUT', path, object);
  }

  async patch<T = KubeObject>(path: string, patch: unknown, type: PatchType = 'merge'): Promise<T> {
    return await this.request('PATCH', path, patch, PATCH_TYPES[type]);
  }

  /** Server-side apply, taking over the fields of other managers. */
  async apply<T = KubeObject>(path: string, object: unknown, fieldManager = 'tests'): Promise<T> {
    const query = new URLSearchParams({ fieldManager, force: 'true', fieldValidation: 'Strict' });
    return await this.request('PATCH', `${path}?${query}`, object, 'application/apply-patch+yaml');
  }

  async delete(path: string, options: DeleteOptions = {}): Promise<void> {
    await this.request('DELETE', path, options);
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function headersOf({ headers, auth }: RequestOptions): Record<string, string> {
  const taken = Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)] as const);
  const basic = auth ? [['Authorization', `Basic ${Buffer.from(auth).toString('base64')}`] as const] : [];
  return Object.fromEntries([...basic, ...taken]);
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType).includes('json');
}

function parseStatus(body: string): { reason: string; message: string } {
  try {
    const { reason, message } = JSON.parse(body) as { reason?: string; message?: string };
    return { reason: reason ?? 'Unknown', message: message ?? body };
  } catch {
    return { reason: 'Unknown', message: body };
  }
}
