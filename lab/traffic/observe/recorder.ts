import type { Simulator } from '../../../simulator/simulator.ts';
import { rowKey } from '../../../simulator/state/backend-servers.ts';
import { isReady } from '../../control-plane/nodes.ts';
import { type WatchEvent, watch } from '../../environment/watch.ts';
import type { Mark, MarkKind } from '../report/timeline-svg.ts';

interface PodLine {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface PodState {
  readonly ready: boolean;
  readonly terminating: boolean;
}

/** Records what happens to pods and rows, using watches and hooks of its own. */
export class Recorder {
  readonly #pods = new Map<string, PodState>();
  readonly #weights = new Map<string, number>();
  readonly #end = new AbortController();
  #namespace = '';
  #groups: ReadonlySet<string> = new Set();
  #beginning = 0;
  #marks: Mark[] = [];

  private constructor() {}

  static async start(kubeconfig: string, simulator: Simulator): Promise<Recorder> {
    const recorder = new Recorder();
    const { signal } = recorder.#end;
    await watch<PodLine>({ kubeconfig, path: '/api/v1/pods' }, (event) => recorder.#takePod(event), signal);
    simulator.state.onChange(({ kind, group, row }) => {
      if (row === undefined) return;
      const key = `${group} ${rowKey(row)}`;
      const before = recorder.#weights.get(key);
      recorder.#weights.set(key, row.weight);
      if (!recorder.#groups.has(group)) return;
      if (kind === 'row-added') recorder.#mark('row added');
      if (kind === 'row-removed') recorder.#mark('row removed');
      if (kind === 'row-changed' && row.weight === 0 && before !== 0) recorder.#mark('row weight 0');
    });
    return recorder;
  }

  /** Records what happens in this namespace and to these groups from now on. `beginning`: ms since the epoch. */
  follow(namespace: string, groups: readonly string[], beginning: number): void {
    this.#namespace = namespace;
    this.#groups = new Set(groups);
    this.#beginning = beginning;
    this.#marks = [];
  }

  close(): void {
    this.#end.abort();
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  #mark(kind: MarkKind): void {
    this.#marks.push({ at: (Date.now() - this.#beginning) / 1000, kind });
  }

  #takePod({ type, object: { metadata, status } }: WatchEvent<PodLine>): void {
    const before = this.#pods.get(metadata.uid);
    const isFollowed = metadata.namespace === this.#namespace;
    if (type === 'DELETED') {
      this.#pods.delete(metadata.uid);
      if (isFollowed) this.#mark('pod gone');
      return;
    }
    const ready = isReady({ status: status ?? {} });
    const terminating = metadata.deletionTimestamp !== undefined;
    this.#pods.set(metadata.uid, { ready, terminating });
    if (!isFollowed) return;
    if (ready && !before?.ready) this.#mark('pod ready');
    if (!ready && before?.ready) this.#mark('pod not ready');
    if (terminating && !before?.terminating) this.#mark('pod terminating');
  }
}
