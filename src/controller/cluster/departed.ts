import { forgetOldest } from '../../forget-oldest.ts';

/** More than leave a cluster within the time that anything still names them. */
const MOST = 50_000;

/** Names of what was here and is no more. Of too many the oldest is forgotten. */
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
