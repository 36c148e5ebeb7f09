import { forgetOldest } from '../../forget-oldest.ts';

/** More than can leave a cluster while anything still refers to them. */
const MOST = 50_000;

/** Names of objects that no longer exist. If there are too many, the oldest are forgotten. */
export class Departed {
  readonly #names = new Set<string>();

  add(name: string): void {
    this.#names.delete(name);
    this.#names.add(name);
    forgetOldest(this.#names, MOST);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }
}
