import { READINESS_GATE } from '../../../src/api/names.ts';
import type { ControlPlane } from '../../control-plane/control-plane.ts';
import { ObjectWatch } from './object-watch.ts';
import { type Summary, summarize } from './statistics.ts';

interface StartingPod {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** When each condition of a pod was first seen to be True, in ms since the epoch. */
interface Start {
  containers?: number;
  gate?: number;
  ready?: number;
}

const FIELDS: Readonly<Record<string, keyof Start>> = {
  ContainersReady: 'containers',
  [READINESS_GATE]: 'gate',
  Ready: 'ready',
};

/** How long the pods of a namespace take to become Ready once their containers are ready, measured on a separate watch. */
export class PodStarts {
  readonly #watch: ObjectWatch;
  readonly #starts = new Map<string, Start>();
  /** UIDs of the pods that existed before. */
  readonly #before = new Set<string>();

  private constructor(watch: ObjectWatch) {
    this.#watch = watch;
  }

  /** Watches pods created from now on. */
  static async watch(plane: ControlPlane, namespace: string): Promise<PodStarts> {
    const watch = new ObjectWatch(plane);
    const starts = new PodStarts(watch);
    let listed = false;
    await watch.start<StartingPod>(`/api/v1/namespaces/${namespace}/pods`, (_, pod, at) => {
      if (listed) starts.#take(pod, at);
      else starts.#before.add(pod.metadata.uid);
    });
    listed = true;
    return starts;
  }

  /** Number of pods that have become Ready. */
  get count(): number {
    return [...this.#starts.values()].filter(({ ready }) => ready !== undefined).length;
  }

  /** Milliseconds from ContainersReady to `until`, for every pod that got there. */
  delays(until: 'gate' | 'ready'): Summary {
    const delays = [...this.#starts.values()].flatMap((start) => {
      const end = start[until];
      return start.containers === undefined || end === undefined ? [] : [end - start.containers];
    });
    return summarize(delays);
  }

  close(): void {
    this.#watch.close();
  }

  #take({ metadata: { uid }, status }: StartingPod, at: number): void {
    if (this.#before.has(uid)) return;
    const start = this.#starts.get(uid) ?? {};
    this.#starts.set(uid, start);
    for (const { type, status: value } of status?.conditions ?? []) {
      const field = FIELDS[type];
      if (field !== undefined && value === 'True') start[field] ??= at;
    }
  }
}
