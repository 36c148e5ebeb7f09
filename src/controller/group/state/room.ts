import type { WriteAction } from '../../../membership/backend.ts';

/**
 * How many more backends fit the load balancer's quota, as far as the answers to calls tell. An addition over the quota is refused
 * as a whole, so the number is searched for by halves.
 *
 * | answer to a call              | = what is known of the room                     |
 * |-------------------------------|-------------------------------------------------|
 * | n additions refused           | it is less than n                               |
 * | n additions done              | it is smaller by n                              |
 * | … which should not have fit   | nothing: the quota, or what others use, changed |
 * | n removals done               | it is greater by n                              |
 *
 * Before the first refusal nothing is known, and any number is sent.
 */
export class Room {
  /** At least this many fit. */
  #least = 0;
  /** Fewer than this many fit. */
  #below = Number.POSITIVE_INFINITY;

  /** The limits of rows for one call, with no more additions than are known to fit, or else half of those that may. */
  limit(rowsPerCall: Readonly<Record<WriteAction, number>>): Readonly<Record<WriteAction, number>> {
    const most = this.#least > 0 ? this.#least : Math.max(1, Math.floor(this.#below / 2));
    return { ...rowsPerCall, add: Math.min(rowsPerCall.add, most) };
  }

  /** Returns whether fewer may fit. */
  refused(count: number): boolean {
    this.#below = count;
    if (this.#least >= count) this.#least = 0;
    return count > 1;
  }

  added(count: number): void {
    this.#move(-count);
  }

  removed(count: number): void {
    this.#move(count);
  }

  forget(): void {
    this.#least = 0;
    this.#below = Number.POSITIVE_INFINITY;
  }

  #move(by: number): void {
    if (this.#below === Number.POSITIVE_INFINITY) return;
    this.#least = Math.max(0, this.#least + by);
    this.#below += by;
    if (this.#below <= 0) this.forget();
  }
}
