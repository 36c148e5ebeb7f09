import type { Reflector, ReflectorHealth } from './reflector.ts';
import type { Stored } from './store.ts';

/** The part of a reflector that does not depend on the kind of its objects. */
type AnyReflector = Pick<
  Reflector<Stored>,
  'name' | 'namespace' | 'hasSynced' | 'healthy' | 'untilAnswered' | 'refresh' | 'start'
>;

/**
 * Starts reflectors together, reports when all have synced, and stops them together.
 *
 * Of several namespaces, one may be closed to this process: it, or its RoleBinding, was deleted. That must not stop the others, so
 * nobody waits for its collections. In return nothing may be decided from what is cached of it (`closed`), also if only some of its
 * collections are refused: without its pods or Services, all backends would seem to be gone.
 *
 * | a collection of the namespace                      | the namespace                     |
 * |----------------------------------------------------|-----------------------------------|
 * | is answered with 403                               | is closed                         |
 * | is listed, and another was refused since its list  | stays as it is                    |
 * | is listed, and another was never listed            | stays as it is                    |
 * | is listed, and so is every other                   | is open                           |
 */
export class Informers {
  readonly #members = new Map<AnyReflector, { stop: AbortController; stopped: Promise<void> }>();
  readonly #stop = new AbortController();
  readonly #closed = new Set<string>();
  readonly #onTurn: ((namespace: string, isClosed: boolean) => void)[] = [];

  /** The namespaces that are closed. */
  get closed(): ReadonlySet<string> {
    return this.#closed;
  }

  /** Calls back when a namespace closes, or opens again: then all that is cached of it is up to date. */
  onTurn(listener: (namespace: string, isClosed: boolean) => void): void {
    this.#onTurn.push(listener);
  }

  /** Also starts the reflector. */
  add(reflector: AnyReflector): void {
    const stop = new AbortController();
    if (this.#stop.signal.aborted) stop.abort(this.#stop.signal.reason);
    const stopped = reflector.start(stop.signal, () => this.#look(reflector.namespace));
    this.#members.set(reflector, { stop, stopped });
  }

  async remove(reflector: AnyReflector): Promise<void> {
    const member = this.#members.get(reflector);
    this.#members.delete(reflector);
    this.#look(reflector.namespace);
    member?.stop.abort();
    await member?.stopped;
  }

  /** Whether every namespace is closed, so that there is none to serve. */
  get areClosed(): boolean {
    const namespaces = [...this.#members.keys()].flatMap(({ namespace }) => namespace ?? []);
    return namespaces.length > 0 && namespaces.every((namespace) => this.#closed.has(namespace));
  }

  /** Names of the reflectors that have not synced and are not refused. */
  get notSynced(): string[] {
    const missing = [...this.#members.keys()].filter(({ healthy }) => !healthy.synced && !healthy.refused);
    return missing.map(({ name }) => name);
  }

  /** Health of each member; those that have been down longest come first. */
  get health(): ReflectorHealth[] {
    const all = [...this.#members.keys()].map((reflector) => reflector.healthy);
    return all.sort((a, b) => Number(a.up) - Number(b.up) || a.since - b.since);
  }

  /** Waits for all members that are not refused, including those added meanwhile: objects of one may require another. */
  async waitForSync(signal: AbortSignal): Promise<void> {
    while (this.notSynced.length > 0 && !this.#stop.signal.aborted) {
      const members = [...this.#members].map(([reflector, { stopped }]) =>
        Promise.race([reflector.untilAnswered(signal), stopped]),
      );
      await Promise.all(members);
    }
  }

  /** Lists everything again; resolves once every current member is at least as new as this call, or refused. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#members.keys()].map((reflector) => reflector.refresh()));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const members = [...this.#members.values()];
    for (const { stop } of members) stop.abort();
    await Promise.all(members.map(({ stopped }) => stopped));
  }

  #look(namespace: string | undefined): void {
    if (namespace === undefined) return;
    const members = [...this.#members.keys()].filter((reflector) => reflector.namespace === namespace);
    const isRefused = members.some(({ healthy }) => healthy.refused);
    const wasClosed = this.#closed.has(namespace);
    if (isRefused === wasClosed || (!isRefused && members.some(({ hasSynced }) => !hasSynced))) return;
    if (isRefused) this.#closed.add(namespace);
    else this.#closed.delete(namespace);
    for (const listener of this.#onTurn) listener(namespace, isRefused);
  }
}
