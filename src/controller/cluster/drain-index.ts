import type { GroupKey } from './cluster-caches.ts';

/** Which groups wait for a pod to be gone, so that its drain, or its lingering, ends as soon as the pod does. */
export class DrainIndex {
  readonly #groups = new Map<string, Set<GroupKey>>();
  readonly #pods = new Map<GroupKey, readonly string[]>();

  /** Replaces what the group waits for. */
  update(group: GroupKey, podUIDs: readonly string[]): void {
    for (const uid of this.#pods.get(group) ?? []) {
      const groups = this.#groups.get(uid);
      groups?.delete(group);
      if (groups?.size === 0) this.#groups.delete(uid);
    }
    if (podUIDs.length === 0) this.#pods.delete(group);
    else this.#pods.set(group, podUIDs);
    for (const uid of podUIDs) {
      const groups = this.#groups.get(uid);
      if (groups === undefined) this.#groups.set(uid, new Set([group]));
      else groups.add(group);
    }
  }

  groupsOf(podUID: string): Iterable<GroupKey> {
    return this.#groups.get(podUID) ?? [];
  }
}
