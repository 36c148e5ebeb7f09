import { ApiError } from '../../cloud/api-error.ts';
import type { CloudSeen } from './cloud-judgement.ts';

/** A group that does not exist is enough to see whether the API answers. */
export const NO_GROUP = 'rsp-vsgb0000check';

/** Rejects if the signal is aborted, or with an error that is not the API's. */
export async function seenInCloud<T>(signal: AbortSignal, call: () => Promise<T>): Promise<CloudSeen<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) return { failure: error };
    throw error;
  }
}
