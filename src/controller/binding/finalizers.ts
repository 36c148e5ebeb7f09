import { API_VERSION, FINALIZER, OPERATOR, PLURAL } from '../../api/names.ts';
import { backoffMs } from '../../backoff.ts';
import type { Clock, Timer } from '../../clock.ts';
import { hasStatus, isMissing, retryAfterMsOf } from '../../kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import { type BindingObject, hasFinalizer, isBeingDeleted, metadataOf } from '../cluster/cluster-caches.ts';

export interface FinalizerHooks {
  /** Called before each write: false as soon as another replica may lead. */
  mayWrite(): boolean;
  onFailed(binding: BindingObject, error: unknown, attempts: number, retryInMs: number): void;
  /** A write has failed or is due again: report it, or decide again what the binding needs. */
  lookAgain(binding: BindingObject): void;
}

/** The API server has repeatedly not accepted our finalizer, or its removal. */
export interface FinalizerFailure {
  readonly write: 'add' | 'remove';
  /** The binding, as `namespace/name`. */
  readonly binding: string;
  readonly error: unknown;
}

interface Failed {
  /** Of the binding: with another one nothing has failed yet. */
  readonly generation: number | undefined;
  readonly error: unknown;
  readonly attempts: number;
}

const RETRY = { baseMs: 1_000, capMs: 60_000, jitter: 0 };
/** Longer than the cache needs to show the newer object. */
const OUTDATED_RETRY_MS = 100;
/** One failure is no news: the next attempt is made a second later. */
const TELL_AFTER = 2;

/**
 * Keeps a binding until its backends have left the group.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
 *
 * Nothing waits for these writes: work continues with the binding's next event. The resourceVersion in the patch makes the
 * API server refuse a patch that is based on an outdated list; it is then retried with the newer object.
 *
 * | the API server              | the patch is sent again                                                                  |
 * |-----------------------------|------------------------------------------------------------------------------------------|
 * | does not have the binding   | never                                                                                    |
 * | has a newer object          | for that one, soon: our own status write may have made it, and nothing else comes of it  |
 * | refuses, or does not answer | after a back-off, or Retry-After if that is longer; at once when the generation changes  |
 */
export class Finalizers {
  readonly #transport: Pick<KubeTransport, 'request'>;
  readonly #clock: Pick<Clock, 'setTimeout'>;
  readonly #hooks: FinalizerHooks;
  /** By UID: the resourceVersion that was last patched. The cache shows the result slightly later than the reply. */
  readonly #patched = new Map<string, string>();
  /** By UID, until a patch succeeds. */
  readonly #failed = new Map<string, Failed>();
  /** By UID. */
  readonly #retries = new Map<string, Timer>();
  #stopped = false;

  constructor(
    transport: Pick<KubeTransport, 'request'>,
    clock: Pick<Clock, 'setTimeout'>,
    hooks: FinalizerHooks,
  ) {
    this.#transport = transport;
    this.#clock = clock;
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

  /** What the binding's user should know about these writes; undefined if they succeed, or failed only once. */
  failureOf(object: BindingObject): FinalizerFailure | undefined {
    const { error, attempts = 0 } = this.#failedOf(object) ?? {};
    const deleting = isBeingDeleted(object);
    if (attempts < TELL_AFTER || hasFinalizer(object) !== deleting) return undefined;
    return { write: deleting ? 'remove' : 'add', binding: object.key, error };
  }

  /** The binding is gone. */
  forget({ uid }: Pick<BindingObject, 'uid'>): void {
    this.#patched.delete(uid);
    this.#written(uid);
  }

  stop(): void {
    this.#stopped = true;
    for (const retry of this.#retries.values()) retry.cancel();
    this.#retries.clear();
  }

  #failedOf(object: BindingObject): Failed | undefined {
    const failed = this.#failed.get(object.uid);
    return failed?.generation === metadataOf(object).generation ? failed : undefined;
  }

  #patch(object: BindingObject, finalizers: readonly string[]): void {
    const { uid, resourceVersion } = object;
    const waits = this.#failedOf(object) !== undefined && this.#retries.has(uid);
    if (waits || this.#stopped || this.#patched.get(uid) === resourceVersion || !this.#hooks.mayWrite())
      return;
    this.#patched.set(uid, resourceVersion);
    this.#send(object, finalizers).then(
      () => this.#written(uid),
      (error: unknown) => this.#notWritten(object, error),
    );
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

  #written(uid: string): void {
    this.#failed.delete(uid);
    this.#retries.get(uid)?.cancel();
    this.#retries.delete(uid);
  }

  #notWritten(object: BindingObject, error: unknown): void {
    const isForgotten = !this.#patched.delete(object.uid);
    if (isForgotten || this.#stopped || isMissing(error)) return;
    if (hasStatus(error, 409)) this.#retryIn(object, OUTDATED_RETRY_MS);
    else this.#fail(object, error);
  }

  #fail(object: BindingObject, error: unknown): void {
    const attempts = (this.#failedOf(object)?.attempts ?? 0) + 1;
    this.#failed.set(object.uid, { generation: metadataOf(object).generation, error, attempts });
    const retryInMs = Math.max(backoffMs(attempts - 1, RETRY), retryAfterMsOf(error));
    this.#retryIn(object, retryInMs);
    this.#hooks.onFailed(object, error, attempts, retryInMs);
    this.#hooks.lookAgain(object);
  }

  #retryIn(object: BindingObject, ms: number): void {
    const { uid } = object;
    this.#retries.get(uid)?.cancel();
    const retry = () => {
      this.#retries.delete(uid);
      this.#hooks.lookAgain(object);
    };
    this.#retries.set(uid, this.#clock.setTimeout(retry, ms));
  }
}
