import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../../lab/time/fake-clock.ts';
import { PRIORITIES, type Priority, WorkQueue } from '../../src/kubernetes/queue/work-queue.ts';

type Operation =
  | { readonly op: 'add'; readonly key: string; readonly priority: Priority }
  | { readonly op: 'addAfter'; readonly key: string; readonly ms: number; readonly priority: Priority }
  | { readonly op: 'get' }
  | { readonly op: 'done'; readonly key: string }
  | { readonly op: 'advance'; readonly ms: number };

const key = fc.constantFrom('a', 'b', 'c', 'd');
const priority = fc.constantFrom(...PRIORITIES);
const ms = fc.integer({ min: 0, max: 30 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op: fc.constant('add' as const), key, priority }),
  fc.record({ op: fc.constant('addAfter' as const), key, ms, priority }),
  fc.record({ op: fc.constant('get' as const) }),
  fc.record({ op: fc.constant('done' as const), key }),
  fc.record({ op: fc.constant('advance' as const), ms }),
);

/** One list of entries, searched from the front: implements the rules of the queue and nothing else. */
class Model {
  #now = 0;
  #seq = 0;
  #entries: { key: string; readyAt: number; rank: number; seq: number }[] = [];
  readonly #working = new Set<string>();

  add(key: string, ms: number, priority: Priority): void {
    const entry = this.#entries.find((other) => other.key === key);
    const rank = PRIORITIES.indexOf(priority);
    const readyAt = this.#now + ms;
    if (entry === undefined) {
      this.#entries.push({ key, readyAt, rank, seq: this.#seq++ });
      return;
    }
    const moves =
      readyAt < entry.readyAt ? entry.readyAt > this.#now : rank < entry.rank && this.#isReady(entry);
    entry.readyAt = Math.min(entry.readyAt, readyAt);
    entry.rank = Math.min(entry.rank, rank);
    if (moves) entry.seq = this.#seq++;
  }

  #isReady({ readyAt }: { readyAt: number }): boolean {
    return readyAt <= this.#now;
  }

  get(): string | undefined {
    const next = this.#entries
      .filter((entry) => this.#isReady(entry) && !this.#working.has(entry.key))
      .sort((a, b) => a.rank - b.rank || a.seq - b.seq)[0];
    if (next === undefined) return undefined;
    this.#entries = this.#entries.filter((entry) => entry !== next);
    this.#working.add(next.key);
    return next.key;
  }

  done(key: string): void {
    if (!this.#working.delete(key)) return;
    const entry = this.#entries.find((other) => other.key === key);
    if (entry !== undefined && entry.readyAt <= this.#now) entry.seq = this.#seq++;
  }

  get depth(): number {
    return this.#entries.filter((entry) => this.#isReady(entry)).length;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    const due = this.#entries.filter(({ readyAt }) => readyAt > this.#now && readyAt <= end);
    // Entries that fall due at the same time do so in the order in which their times were set.
    for (const entry of due.sort((a, b) => a.readyAt - b.readyAt || a.seq - b.seq)) entry.seq = this.#seq++;
    this.#now = end;
  }
}

test('hands out the same keys in the same order as a simple model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60, size: 'max' }), async (operations) => {
      const clock = new FakeClock();
      const queue = new WorkQueue<string>({ name: 'q', clock });
      const model = new Model();
      for (const operation of operations) {
        await apply(operation, queue, clock, model);
        expect(queue.gauges().depth).toBe(model.depth);
      }
      queue.shutDown();
    }),
    { numRuns: 200 },
  );
});

async function apply(operation: Operation, queue: WorkQueue<string>, clock: FakeClock, model: Model) {
  switch (operation.op) {
    case 'add':
      queue.add(operation.key, operation.priority);
      model.add(operation.key, 0, operation.priority);
      break;
    case 'addAfter':
      queue.addAfter(operation.key, operation.ms, operation.priority);
      model.add(operation.key, operation.ms, operation.priority);
      break;
    case 'get': {
      const expected = model.get();
      if (expected !== undefined) expect(await queue.get()).toBe(expected);
      break;
    }
    case 'done':
      queue.done(operation.key);
      model.done(operation.key);
      break;
    case 'advance':
      await clock.advance(operation.ms);
      model.advance(operation.ms);
  }
}
