import { KubeApiError } from '../../kubernetes/client/api-error.ts';

/** The result of a lookup: the value, or why there is none. */
export type Seen<T, F> = { readonly value: T } | { readonly failure: F };

/** Why the API server gave no usable answer. */
export interface KubeFailure {
  readonly is: 'forbidden' | 'missing' | 'failed';
  readonly message: string;
}

export type KubeSeen<T> = Seen<T, KubeFailure>;

/** What could not be read and would have told. */
export interface Unread {
  readonly what: string;
  readonly why: KubeFailure;
}

/** Rejects only if the signal is aborted, with the signal's reason. */
export async function seenInCluster<T>(signal: AbortSignal, look: () => Promise<T>): Promise<KubeSeen<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    signal.throwIfAborted();
    return { failure: kubeFailure(error) };
  }
}

/**
 * Lists in each of the namespaces, or once in all (undefined) if none is given. Returns what was found where the list succeeded, and the
 * first failure. Rejects only if the signal is aborted, with the signal's reason.
 */
export async function seenInEach<T>(
  signal: AbortSignal,
  namespaces: readonly string[],
  list: (namespace: string | undefined) => Promise<readonly T[]>,
): Promise<{ readonly found: readonly T[]; readonly failure: KubeFailure | undefined }> {
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  const lists = await Promise.all(places.map((namespace) => seenInCluster(signal, () => list(namespace))));
  return {
    found: lists.flatMap((seen) => ('value' in seen ? seen.value : [])),
    failure: lists.flatMap((seen) => ('failure' in seen ? seen.failure : []))[0],
  };
}

function kubeFailure(error: unknown): KubeFailure {
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof KubeApiError ? error.status : undefined;
  return { is: status === 403 ? 'forbidden' : status === 404 ? 'missing' : 'failed', message };
}
