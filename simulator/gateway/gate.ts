import type { Call } from './call.ts';

/** Holds calls until it is released. A released gate stays open, and its creator forgets it. */
export class Gate {
  readonly held: Call[] = [];
  readonly #opened = Promise.withResolvers<void>();
  readonly #waiters = new Set<() => void>();
  readonly #onRelease: () => void;

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  async pass(call: Call): Promise<void> {
    this.held.push(call);
    for (const waiter of this.#waiters) waiter();
    await this.#opened.promise;
  }

  release(): void {
    this.#onRelease();
    this.#opened.resolve();
  }

  /** Resolves when `count` calls have reached the gate; rejects after the time-out. */
  async waitForHeld(count = 1, timeoutMs = 5000): Promise<readonly Call[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = (): void => {
      if (this.held.length >= count) resolve();
    };
    const timer = setTimeout(() => {
      reject(new Error(`${this.held.length} of ${count} calls reached the gate within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#waiters.add(check);
    check();
    try {
      await promise;
      return this.held;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(check);
    }
  }
}
