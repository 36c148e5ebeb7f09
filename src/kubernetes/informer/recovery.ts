import {
  isExpired,
  isTooLargeResourceVersion,
  KubeApiError,
  KubeConnectionError,
  KubeParseError,
} from '../client/api-error.ts';
import { ListsDisagreeError } from './believable.ts';

export interface ListWatchFailure {
  readonly error: unknown;
  readonly during: 'list' | 'watch';
  /** The watch had lived for a while, or delivered something, before it failed: the next one need not fail too. */
  readonly proven: boolean;
}

/** The code of a connection that the server has closed as soon as it was opened. */
export const CLOSED = 'CLOSED';

/** The server reports an older version than before. */
export class WentBackError extends Error {
  override readonly name = 'WentBackError';

  constructor(path: string, version: string, before: string) {
    super(`${path} is at version ${version}, after ${before}: the store of the API server has gone back`);
  }
}

export interface Recovery {
  /** `again`: what failed. `list`: at the last version or newer. `newest`: a consistent list. */
  readonly next: 'again' | 'list' | 'newest';
  readonly pause: 'none' | 'backoff' | 'missing' | 'none-if-rare';
}

/**
 * What a reflector does after a failure.
 *
 * | failure                                            | next   | pause                          |
 * |----------------------------------------------------|--------|--------------------------------|
 * | version forgotten: 410 or `Expired`                | newest | none if rare, else back-off    |
 * | version in the server's future                     | newest | back-off                       |
 * | collection not there: 404                          | newest | back-off                       |
 * | two lists disagree                                 | newest | back-off                       |
 * | watch not understood                               | list   | back-off                       |
 * | 401, 403, 408, 429, 5xx                            | again  | back-off or Retry-After        |
 * | any other answer ≥ 400 to a watch                  | newest | back-off                       |
 * | two versions in the wrong order                    | newest | back-off                       |
 * | watch cut or silent that had lived                 | again  | none                           |
 * | watch closed as soon as opened                     | again  | back-off                       |
 * | server not reached, or not in time                 | newest | back-off                       |
 * | anything else                                      | again  | back-off                       |
 *
 * An API server that could not be reached may come back with an older state of the cluster: etcd restored from a backup. A watch
 * from the version seen last would then be silent until the new history has caught up with that number, and tell nothing of
 * what the old one had before it. So what follows an outage is the newest list, however the numbers look by then.
 */
export function recoveryFrom({ error, during, proven }: ListWatchFailure): Recovery {
  if (isExpired(error)) return { next: 'newest', pause: 'none-if-rare' };
  const isInDisorder = error instanceof ListsDisagreeError || error instanceof WentBackError;
  if (isInDisorder || isTooLargeResourceVersion(error)) return { next: 'newest', pause: 'backoff' };
  if (error instanceof KubeParseError) return { next: 'list', pause: 'backoff' };
  if (error instanceof KubeConnectionError) {
    if (proven) return { next: 'again', pause: 'none' };
    return { next: error.code === CLOSED ? 'again' : 'newest', pause: 'backoff' };
  }
  if (!(error instanceof KubeApiError)) return { next: 'again', pause: 'backoff' };
  if (error.status === 404) return { next: 'newest', pause: 'missing' };
  const passes = [401, 403, 408, 429].includes(error.status) || error.status >= 500;
  return { next: passes || during === 'list' ? 'again' : 'newest', pause: 'backoff' };
}
