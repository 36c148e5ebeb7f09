import type { Reflector, ReflectorHealth } from './reflector.ts';
import type { Stored } from './store.ts';

/** The part of a reflector that does not depend on the kind of its objects. */
type AnyReflector = Pick<
  Reflector<Stored>,
  'name' | 'hasSynced' | 'healthy' | 'waitForSync' | 'refresh' | 'start'
>;

/** Starts reflectors together, reports when all have synced, and stops them together. */
export class Informers {
  readonly #members = new Map<AnyReflector, { stop: AbortController; stopped: Promise<void> }>();
  readonly #stop = new AbortController();

  /** Also starts the reflector. */
  add(reflector: AnyReflector): void {
    const stop = new AbortController();
    if (this.#stop.signal.aborted) stop.abort(this.#stop.signal.reason);
    this.#members.set(reflector, { stop, stopped: reflector.start(stop.signal) });
  }

  async remove(reflector: AnyReflector): Promise<void> {
    const member = this.#members.get(reflector);
    this.#members.delete(reflector);
    member?.stop.abort();
    await member?.stopped;
  }

  /** Names of the reflectors that have not synced, for /readyz and the log. */
  get notSynced(): string[] {
    return [...this.#members.keys()].filter((reflector) => !reflector.hasSynced).map(({ name }) => name);
  }

  /** Health of each member; those that have been down longest come first. */
  get health(): ReflectorHealth[] {
    const all = [...this.#members.keys()].map((reflector) => reflector.healthy);
    return all.sort((a, b) => Number(a.up) - Number(b.up) || a.since - b.since);
  }

  /** Waits for all members, including those added meanwhile, because objects of one may require another. */
  async waitForSync(signal: AbortSignal): Promise<void> {
    while (this.notSynced.length > 0 && !this.#stop.signal.aborted) {
      const members = [...this.#members].map(([reflector, { stopped }]) =>
        Promise.race([reflector.waitForSync(signal), stopped]),
      );
      await Promise.all(members);
    }
  }

  /** Lists everything again; resolves once every current member is at least as new as this call. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#members.keys()].map((reflector) => reflector.refresh()));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const members = [...this.#members.values()];
    for (const { stop } of members) stop.abort();
    await Promise.all(members.map(({ stopped }) => stopped));
  }
}
