import { waitUntil } from '../../time/wait-until.ts';
import type { KubeApi, KubeObject } from './kube-api.ts';

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const PATIENCE_MS = 10_000;

/** Where the API server serves each kind. Caches what it has found, and asks again for kinds it does not know. */
export class Discovery {
  readonly #api: KubeApi;
  readonly #known = new Map<string, readonly ApiResource[]>();

  constructor(api: KubeApi) {
    this.#api = api;
  }

  async isNamespaced(object: KubeObject): Promise<boolean> {
    return (await this.#resource(object)).namespaced;
  }

  /** The path of the object; a namespaced object without a namespace is placed in `namespace`. */
  async pathOf(object: KubeObject, namespace = 'default'): Promise<string> {
    const { name, namespaced } = await this.#resource(object);
    const inside = namespaced ? `/namespaces/${object.metadata.namespace ?? namespace}` : '';
    return `${rootOf(object)}${inside}/${name}/${object.metadata.name}`;
  }

  /** Waits a little for an unknown kind: its CRD may have only just been applied. */
  async #resource(object: KubeObject): Promise<ApiResource> {
    const known = this.#lookUp(object);
    if (known) return known;
    const what = `the API server to serve ${object.apiVersion} ${object.kind} (is its CRD applied?)`;
    const probe = async () => {
      await this.#refresh(object);
      return this.#lookUp(object);
    };
    return await waitUntil(what, probe, { timeoutMs: PATIENCE_MS, intervalMs: 100 });
  }

  #lookUp(object: KubeObject): ApiResource | undefined {
    const resources = this.#known.get(rootOf(object)) ?? [];
    // "deployments/scale" and the like are subresources, some of them with the kind of another resource.
    return resources.find(({ kind, name }) => kind === object.kind && !name.includes('/'));
  }

  async #refresh(object: KubeObject): Promise<void> {
    const root = rootOf(object);
    const { resources } = await this.#api.get<{ resources: readonly ApiResource[] }>(root);
    this.#known.set(root, resources);
  }
}

function rootOf({ apiVersion = '' }: KubeObject): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
