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
  /** The watch had lived for a while, or delivered an event, before it failed, so the next one may succeed. */
  readonly proven: boolean;
  /** The collection is of one of several namespaces: see `ReflectorOptions`. */
  readonly closable?: boolean;
}

/** Code of a connection that the server closed as soon as it was opened. */
export const CLOSED = 'CLOSED';

/** The server sent an older version than before. */
export class WentBackError extends Error {
  override readonly name = 'WentBackError';

  constructor(path: string, version: string, before: string) {
    super(`${path} is at version ${version}, after ${before}: the store of the API server has gone back`);
  }
}

export interface Recovery {
  /** `again`: repeat what failed. `list`: list at the last version or newer. `newest`: make a consistent list. */
  readonly next: 'again' | 'list' | 'newest';
  readonly pause: 'none' | 'backoff' | 'none-if-rare';
  /** The namespace may not be read. */
  readonly refused?: true;
}

/**
 * What a reflector does after a failure.
 *
 * | failure                                            | next   | pause                          |
 * |----------------------------------------------------|--------|--------------------------------|
 * | version forgotten: 410 or `Expired`                | newest | none if rare, else back-off    |
 * | version in the server's future                     | newest | back-off                       |
 * | collection does not exist: 404                     | newest | back-off                       |
 * | two lists disagree                                 | newest | back-off                       |
 * | answer cannot be parsed                            | list   | back-off                       |
 * | 403 in one of several namespaces                   | newest | back-off or Retry-After        |
 * | 401, 403, 408, 429, 5xx                            | again  | back-off or Retry-After        |
 * | any other answer ≥ 400 to a watch                  | newest | back-off                       |
 * | two versions in the wrong order                    | newest | back-off                       |
 * | watch that had lived is cut or silent              | again  | none                           |
 * | watch closed as soon as opened                     | again  | back-off                       |
 * | server not reached, or not in time                 | newest | back-off                       |
 * | anything else                                      | again  | back-off                       |
 *
 * After an outage the API server may come back with an older state of the cluster, if etcd was restored from a backup. A watch
 * from the last seen version would then be silent until the new history reaches that number, and would never report what
 * the old history no longer contains. So an outage is always followed by the newest list, whatever the version numbers are by then.
 */
export function recoveryFrom({ error, during, proven, closable }: ListWatchFailure): Recovery {
  if (isExpired(error)) return { next: 'newest', pause: 'none-if-rare' };
  const isInDisorder = error instanceof ListsDisagreeError || error instanceof WentBackError;
  if (isInDisorder || isTooLargeResourceVersion(error)) return { next: 'newest', pause: 'backoff' };
  if (error instanceof KubeParseError) return { next: 'list', pause: 'backoff' };
  if (error instanceof KubeConnectionError) {
    if (proven) return { next: 'again', pause: 'none' };
    return { next: error.code === CLOSED ? 'again' : 'newest', pause: 'backoff' };
  }
  if (!(error instanceof KubeApiError)) return { next: 'again', pause: 'backoff' };
  if (error.status === 404) return { next: 'newest', pause: 'backoff' };
  if (error.status === 403 && closable) return { next: 'newest', pause: 'backoff', refused: true };
  const passes = [401, 403, 408, 429].includes(error.status) || error.status >= 500;
  return { next: passes || during === 'list' ? 'again' : 'newest', pause: 'backoff' };
}
