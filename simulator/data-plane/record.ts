/** Keeps the latest entries, numbered from 1 in `seq`, and calls listeners for each new one. */
export class RecordOf<T extends object> {
  readonly #limit: number;
  readonly #entries: (T & { readonly seq: number })[] = [];
  readonly #listeners = new Set<(entry: T) => void>();
  #lastSeq = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(entry: T): void {
    this.#lastSeq += 1;
    this.#entries.push({ seq: this.#lastSeq, ...entry });
    // Drop a tenth at a time: dropping the oldest one by one would move the whole array on each entry.
    if (this.#entries.length > this.#limit * 1.1) this.#entries.splice(0, this.#entries.length - this.#limit);
    for (const listener of this.#listeners) listener(entry);
  }

  /** Entries with a higher number than `seq`. */
  since(seq: number): readonly (T & { readonly seq: number })[] {
    return seq === 0 ? [...this.#entries] : this.#entries.filter((entry) => entry.seq > seq);
  }

  /** Calls `listener` for each new entry; returns a function that unsubscribes it. */
  on(listener: (entry: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
