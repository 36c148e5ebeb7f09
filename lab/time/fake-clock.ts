import type { Clock, Timer } from '../../src/clock.ts';

/** A clock that stands still until `advance` runs every timer that falls due, in order, with microtasks in between. */
export class FakeClock implements Clock {
  #now: number;
  #wallOffset: number;
  #timers: { at: number; seq: number; callback: () => void }[] = [];
  #seq = 0;

  constructor(now = 0, wall = Date.UTC(2026, 0, 1)) {
    this.#now = now;
    this.#wallOffset = wall - now;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  /** Sets the wall clock forward or back by this much; nothing else moves. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  /** The process stalls for this long: whatever falls due meanwhile runs with the next `advance`. */
  stall(ms: number): void {
    this.#now += ms;
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const timer = { at: this.#now + Math.max(0, ms), seq: this.#seq++, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** The number of pending timers. */
  get pending(): number {
    return this.#timers.length;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let due = this.#next(end); due !== undefined; due = this.#next(end)) {
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #next(end: number) {
    return this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
  }
}

/** Lets everything that only waits for promises proceed. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
