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
  /** The watch had lived for a while, or told of something, before it failed: it is no sign that the next will fail, too. */
  readonly proven: boolean;
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
 * | connection cut, refused, silent, closed at once    | again  | none if proven, else back-off  |
 * | anything else                                      | again  | back-off                       |
 */
export function recoveryFrom({ error, during, proven }: ListWatchFailure): Recovery {
  if (isExpired(error)) return { next: 'newest', pause: 'none-if-rare' };
  if (isTooLargeResourceVersion(error) || error instanceof ListsDisagreeError)
    return { next: 'newest', pause: 'backoff' };
  if (error instanceof KubeParseError) return { next: 'list', pause: 'backoff' };
  if (error instanceof KubeConnectionError) {
    return { next: 'again', pause: proven ? 'none' : 'backoff' };
  }
  if (!(error instanceof KubeApiError)) return { next: 'again', pause: 'backoff' };
  if (error.status === 404) return { next: 'newest', pause: 'missing' };
  const passes = [401, 403, 408, 429].includes(error.status) || error.status >= 500;
  return { next: passes || during === 'list' ? 'again' : 'newest', pause: 'backoff' };
}
