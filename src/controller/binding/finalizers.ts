import { API_VERSION, FINALIZER, OPERATOR, PLURAL } from '../../api/names.ts';
import { KubeApiError } from '../../kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import { type BindingObject, hasFinalizer, isBeingDeleted, metadataOf } from '../cluster/cluster-caches.ts';

export interface FinalizerHooks {
  /** Called before each write: false as soon as another replica may lead. */
  mayWrite(): boolean;
  /** `outdated`: the binding has changed in the meantime, possibly by our own status write, which triggers nothing else. */
  onError(binding: BindingObject, error: unknown, outdated: boolean): void;
}

/**
 * Keeps a binding until its backends have left the group.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
 *
 * Nothing waits for these writes: work continues with the binding's next event. The resourceVersion in the patch makes the
 * API server refuse a patch that is based on an outdated list; the caller then retries with the newer object.
 */
export class Finalizers {
  readonly #transport: Pick<KubeTransport, 'request'>;
  readonly #hooks: FinalizerHooks;
  /** By UID: the resourceVersion that was last patched. The cache shows the result slightly later than the reply. */
  readonly #patched = new Map<string, string>();

  constructor(transport: Pick<KubeTransport, 'request'>, hooks: FinalizerHooks) {
    this.#transport = transport;
    this.#hooks = hooks;
  }

  /** Adds the finalizer before any backend is added for the binding. With `Retain` none is needed. */
  ensure(object: BindingObject): void {
    const { parsed } = object;
    if (!parsed.ok || isBeingDeleted(object) || hasFinalizer(object)) return;
    const { metadata, spec } = parsed.binding;
    if (spec.deletionPolicy !== 'Retain') this.#patch(object, [...metadata.finalizers, FINALIZER]);
  }

  /** Lets the API server delete the binding. */
  release(object: BindingObject): void {
    if (!hasFinalizer(object)) return;
    const { finalizers = [] } = metadataOf(object);
    this.#patch(
      object,
      finalizers.filter((finalizer) => finalizer !== FINALIZER),
    );
  }

  /** The binding is gone. */
  forget({ uid }: Pick<BindingObject, 'uid'>): void {
    this.#patched.delete(uid);
  }

  #patch(object: BindingObject, finalizers: readonly string[]): void {
    const { uid, resourceVersion } = object;
    if (this.#patched.get(uid) === resourceVersion || !this.#hooks.mayWrite()) return;
    this.#patched.set(uid, resourceVersion);
    this.#send(object, finalizers).catch((error: unknown) => {
      this.#patched.delete(uid);
      const status = error instanceof KubeApiError ? error.status : undefined;
      if (status !== 404) this.#hooks.onError(object, error, status === 409);
    });
  }

  async #send(
    { namespace, name, uid, resourceVersion }: BindingObject,
    finalizers: readonly string[],
  ): Promise<void> {
    const path = `/apis/${API_VERSION}/namespaces/${encodeURIComponent(namespace)}/${PLURAL}/${encodeURIComponent(name)}`;
    await this.#transport.request('PATCH', path, {
      contentType: 'application/merge-patch+json',
      query: { fieldManager: OPERATOR },
      body: { metadata: { uid, resourceVersion, finalizers } },
    });
  }
}
