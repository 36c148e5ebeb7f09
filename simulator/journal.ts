import { createWriteStream, openSync, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Call } from './gateway/call.ts';

export interface JournalEntry {
  readonly seq: number;
  /** When the call was answered or aborted, in ms since the epoch with fractions. */
  readonly time: number;
  /** When the request arrived. */
  readonly arrivedAt: number;
  readonly action: string;
  readonly group: string;
  readonly loadBalancer: string;
  /** Backends named in the call. */
  readonly count: number;
  readonly backends: Call['backends'];
  /** 'OK', an error code, or the kind of the fault that prevented the reply. */
  readonly code: string;
  /** 0 if no complete reply was sent. */
  readonly httpStatus: number;
  readonly durationMs: number;
  readonly accessKeyId: string;
  readonly requestId: string;
  /** Whether the action was carried out; a lost reply does not show this. */
  readonly applied: boolean;
}

/** Every call, in order of completion. An array in memory (the latest `limit` entries), optionally also a file. */
export class Journal extends Array<JournalEntry> {
  // Array methods such as filter() must return plain arrays, not journals.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  readonly #limit: number;
  readonly #file: WriteStream | undefined;

  constructor(options: { limit: number; file?: string | undefined }) {
    super();
    this.#limit = options.limit;
    // Opened immediately, so that an unwritable path fails the start, not the first call.
    this.#file =
      options.file === undefined
        ? undefined
        : createWriteStream(options.file, { fd: openSync(options.file, 'a') });
  }

  record(entry: JournalEntry): void {
    // Calls that were held when the simulator was closed end after it.
    if (this.#file?.writableEnded) return;
    this.push(entry);
    // Drop a tenth at a time: dropping the oldest one by one would move the whole array on each call.
    if (this.length > this.#limit * 1.1) this.splice(0, this.length - this.#limit);
    this.#file?.write(`${JSON.stringify(entry)}\n`);
    for (const listener of this.#listeners) listener(entry);
  }

  clear(): void {
    this.length = 0;
  }

  /** Calls `listener` for each new entry; returns a function that unsubscribes it. */
  onEntry(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first entry, past or future, that satisfies the predicate. Rejects after the time-out. */
  async waitFor(predicate: (entry: JournalEntry) => boolean, timeoutMs = 5000): Promise<JournalEntry> {
    const found = this.find(predicate);
    if (found) return found;
    const { promise, resolve, reject } = Promise.withResolvers<JournalEntry>();
    const stop = this.onEntry((entry) => {
      if (predicate(entry)) resolve(entry);
    });
    const timer = setTimeout(() => {
      const last = this.slice(-5).map((entry) => `${entry.action} ${entry.group} ${entry.code}`);
      reject(
        new Error(
          `no such call within ${timeoutMs} ms; ${this.length} calls so far, the last: ${last.join(', ')}`,
        ),
      );
    }, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  /** Resolves once the file contains every entry. */
  async close(): Promise<void> {
    if (!this.#file) return;
    this.#file.end();
    await finished(this.#file);
  }
}
