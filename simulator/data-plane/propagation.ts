import { type Behaviour, propagationRange } from './behaviour.ts';
import type { Clock, Timer } from './clock.ts';

/** Delivers changes to one machine: each with some delay, and in order. */
export class Propagation {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #delay: () => Behaviour['propagationMs'];
  readonly #waiting: { readonly at: number; readonly effect: () => void }[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, random: () => number, delay: () => Behaviour['propagationMs']) {
    this.#clock = clock;
    this.#random = random;
    this.#delay = delay;
  }

  /** If the delay is 0 and nothing is waiting, the effect happens before this returns. */
  send(effect: () => void): void {
    const [min, max] = propagationRange(this.#delay());
    const delay = min + this.#random() * (max - min);
    const idle = this.#waiting.length === 0;
    if (delay <= 0 && idle) {
      effect();
      return;
    }
    // Only the first in the queue is checked, so a change that is due before an earlier one waits for that one.
    this.#waiting.push({ at: this.#clock.now() + delay, effect });
    if (idle) this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#waiting.length = 0;
  }

  #arm(): void {
    const next = this.#waiting[0];
    if (!next) return;
    const wait = Math.max(0, next.at - this.#clock.now());
    this.#timer = this.#clock.setTimeout(() => this.#run(), wait);
  }

  #run(): void {
    // Node's timers may fire a fraction of a millisecond early.
    const now = this.#clock.now() + 1;
    for (let next = this.#waiting[0]; next && next.at <= now; next = this.#waiting[0]) {
      this.#waiting.shift();
      next.effect();
    }
    this.#arm();
  }
}
