/** The latest entries, each with its number in `seq`, from 1 on; whoever wants them at once is called. */
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
    // A tenth at a time: dropping the oldest one by one would move the whole array on each entry.
    if (this.#entries.length > this.#limit * 1.1) this.#entries.splice(0, this.#entries.length - this.#limit);
    for (const listener of this.#listeners) listener(entry);
  }

  /** Entries after this number. */
  since(seq: number): readonly (T & { readonly seq: number })[] {
    return seq === 0 ? [...this.#entries] : this.#entries.filter((entry) => entry.seq > seq);
  }

  /** Calls `listener` for each new entry; returns how to stop. */
  on(listener: (entry: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
