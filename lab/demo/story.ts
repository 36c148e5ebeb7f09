import { KubeApiError, type KubeObject } from '../control-plane/api/kube-api.ts';
import { type Binding, type Pod, Workloads } from '../environment/workloads.ts';
import { waitUntil } from '../time/wait-until.ts';
import { type Comparison, compare } from './observe/compare.ts';
import { byKey, type Endpoint, type EndpointSlice, readyEndpoints } from './observe/endpoint-log.ts';
import type { Departure } from './observe/measure.ts';
import type { Observer } from './observe/observer.ts';
import { applyApp, applyBinding } from './observe/sample.ts';
import type { StepResult } from './report.ts';
import { FOREIGN, GROUP, type Stage } from './stage/stage.ts';
import { abbreviate } from './text.ts';

export const APP = 'web';
const WEIGHT = 100;
const REPLICAS = 40;
const FEW = 3;
/** For the step that shows a drain: longer than the step takes. */
const DRAIN_SECONDS = 30;
const POLL_MS = 100;
const EQUAL_WITHIN_MS = 15_000;
const PROBLEMS_SHOWN = 4;

export interface Step {
  readonly title: string;
  /** One sentence, printed before the step. */
  readonly tells: string;
  /** Performs the step, and returns once the cluster and the group are at rest. */
  run(): Promise<StepResult>;
}

export interface Skipped {
  readonly title: string;
  /** The reason. */
  readonly skipped: string;
}

/** The steps, in order. Each leaves the stage as the next step needs it. */
export function story(stage: Stage, observer: Observer): readonly (Step | Skipped)[] {
  const scene = new Scene(stage, observer);
  return [
    {
      title: `${REPLICAS} pods join`,
      tells: `deploy/samples/web.yaml with ${REPLICAS} replicas, then binding-eni.yaml for ${GROUP} with drain.seconds: 0`,
      run: () => scene.step(`${REPLICAS} pods join`, REPLICAS, () => scene.open(REPLICAS)),
    },
    {
      title: 'One pod is deleted',
      tells: 'its Deployment makes another one',
      run: () => scene.step('one pod deleted', REPLICAS, () => scene.deletePod()),
    },
    {
      title: 'One pod drains',
      tells: stage.ownNodes
        ? `drain.seconds: ${DRAIN_SECONDS}; a pod fails its readiness probe, and is deleted once it has weight 0`
        : `drain.seconds: ${DRAIN_SECONDS}; a pod is deleted`,
      run: () => scene.step('one pod drains', REPLICAS, () => scene.drainPod()),
    },
    {
      title: 'Rolling restart',
      tells: `all ${REPLICAS} pods are replaced, as kubectl rollout restart does it`,
      run: () => scene.step('rolling restart', REPLICAS, () => scene.app.restart(APP)),
    },
    stage.ownNodes
      ? {
          title: 'A node is drained and deleted',
          tells: 'cordoned, its pods evicted through the Eviction API, then deleted',
          run: () => scene.step('node drained, deleted', REPLICAS, () => scene.removeNode()),
        }
      : {
          title: 'A node is drained and deleted',
          skipped: 'left out: the nodes of an existing cluster are not touched',
        },
    {
      title: `Scale to ${FEW}`,
      tells: `${REPLICAS - FEW} pods leave at once`,
      run: () => scene.step(`scale to ${FEW}`, FEW, () => scene.app.scale(APP, FEW)),
    },
    {
      title: 'The binding is deleted',
      tells: 'its backends leave the group; the foreign ones stay',
      run: () => scene.deleteBinding(),
    },
  ];
}

/** Restores the initial state, for those who want to look and try. */
export async function leaveSomethingToSee(stage: Stage): Promise<void> {
  await applyBinding(stage.api, stage.namespace, { vServerGroupId: GROUP, drain: { seconds: 0 } });
  await new Workloads(stage.api, stage.namespace).untilCondition(APP, 'True');
}

class Scene {
  readonly app: Workloads;
  readonly #stage: Stage;
  readonly #observer: Observer;

  constructor(stage: Stage, observer: Observer) {
    this.#stage = stage;
    this.#observer = observer;
    this.app = new Workloads(stage.api, stage.namespace);
  }

  /** `act` returns remarks, if it has any. */
  async step(title: string, replicas: number, act: () => Promise<unknown>): Promise<StepResult> {
    this.#observer.mark();
    const remarks = await act();
    await this.#untilRolledOut(replicas);
    await this.#untilAtRest(replicas);
    const ready = await this.#readyEndpoints();
    return {
      title,
      measured: this.#observer.measure(),
      changes: this.#observer.changes,
      comparison: this.#compare(ready),
      ready: ready.length,
      remarks: Array.isArray(remarks) ? remarks : [],
    };
  }

  async open(replicas: number): Promise<void> {
    const { api, namespace, ownNodes } = this.#stage;
    await applyApp(api, namespace, { replicas, realNodes: !ownNodes });
    await this.#untilRolledOut(replicas);
    await waitUntil('the observer to see the endpoints of all pods', async () =>
      this.#seesAll(await this.#pods()),
    );
    // How the pods started is not part of the operator's story.
    this.#observer.mark();
    await applyBinding(api, namespace, { vServerGroupId: GROUP, drain: { seconds: 0 } });
  }

  async deletePod(): Promise<void> {
    const [pod] = await this.#pods();
    await this.app.deletePod(pod!.metadata.name);
  }

  async drainPod(): Promise<readonly string[]> {
    await this.#setDrain(DRAIN_SECONDS);
    this.#observer.mark();
    const [pod] = await this.#pods();
    const address = pod!.status.podIP!;
    if (this.#stage.ownNodes) {
      await this.#failReadiness(pod!);
      await waitUntil(`${address} to have weight 0`, () => this.#row(address)?.weight === 0);
    }
    await this.app.deletePod(pod!.metadata.name);
    await this.#untilRolledOut(REPLICAS);
    await this.#untilAtRest(REPLICAS);
    const calls = this.#observer.calls.filter(({ backends }) =>
      backends.some(({ serverIp }) => serverIp === address),
    );
    const weight0 = calls.find(({ action }) => action.startsWith('Set'));
    const remove = calls.find(({ action }) => action.startsWith('Remove'));
    await this.#setDrain(0);
    if (!weight0 || !remove) return [];
    const seconds = ((remove.arrivedAt - weight0.arrivedAt) / 1000).toFixed(1);
    return [
      `weight 0 first; removed ${seconds} s later, when the pod was gone, not after ${DRAIN_SECONDS} s`,
    ];
  }

  async removeNode(): Promise<readonly string[]> {
    const { api } = this.#stage;
    const pods = await this.#pods();
    const node = busiestNode(pods);
    const path = `/api/v1/nodes/${node}`;
    await api.patch(path, { spec: { unschedulable: true } });
    const evicted = pods.filter(({ spec }) => spec.nodeName === node);
    await Promise.all(evicted.map((pod) => this.#evict(pod)));
    const onNode = `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`;
    await waitUntil(`the pods on ${node} to go`, async () => (await api.list(onNode)).length === 0);
    await api.delete(path);
    return [`${evicted.length} pods of ${node} were evicted`];
  }

  async deleteBinding(): Promise<StepResult> {
    const ready = await this.#readyEndpoints();
    this.#observer.mark();
    await this.app.deleteBinding(APP);
    await waitUntil('the finalizer of the binding to be taken off', async () => {
      return !(await this.#stage.api.find(`${this.app.bindings()}/${APP}`));
    });
    const at = this.#observer.bindingDeletions.get(APP);
    const departures: Departure[] = at === undefined ? [] : ready.map((endpoint) => ({ at, endpoint }));
    return {
      title: 'binding deleted',
      measured: this.#observer.measure(departures),
      changes: [],
      comparison: this.#compare([]),
      ready: 0,
      remarks: [],
    };
  }

  async #untilRolledOut(replicas: number): Promise<void> {
    await waitUntil(
      `the Deployment to have ${replicas} pods, all ready`,
      async () => {
        const { metadata, status } = await this.#stage.api.get<Deployment>(
          `${this.app.path('apis/apps/v1', 'deployments')}/${APP}`,
        );
        const { observedGeneration = 0, replicas: all = 0, updatedReplicas = 0, readyReplicas = 0 } = status;
        const done = [all, updatedReplicas, readyReplicas].every((count) => count === replicas);
        if (done && observedGeneration >= (metadata.generation ?? 0)) return true;
        throw new Error(`${all} pods, ${updatedReplicas} of them new, ${readyReplicas} ready`);
      },
      { timeoutMs: this.#stage.patienceMs, intervalMs: POLL_MS },
    );
  }

  /**
   * Waits until the existing pods, what the observer sees and the group agree, and until the operator agrees as well, so that no
   * call is under way. Each alone may still reflect the time before the step.
   */
  async #untilAtRest(replicas: number): Promise<void> {
    const { endpoints } = this.#observer;
    const probe = async () => {
      const pods = await this.#pods();
      const ready = [...endpoints.ready.values()];
      if (pods.length !== replicas || !this.#seesAll(pods)) {
        throw new Error(`${pods.length} pods are there and ${ready.length} endpoints are ready`);
      }
      const { problems } = this.#compare(ready);
      if (problems.length > 0) throw new Error(abbreviate(problems, PROBLEMS_SHOWN, '; '));
      const binding = await this.app.binding(APP);
      return isAtRest(binding, pods) || Promise.reject(new Error(sayStatus(binding)));
    };
    const options = { timeoutMs: EQUAL_WITHIN_MS, intervalMs: POLL_MS };
    await waitUntil(`${GROUP} to equal the cluster, ${replicas} pods`, probe, options);
  }

  #seesAll(pods: readonly Pod[]): boolean {
    const seen = [...this.#observer.endpoints.ready.values()];
    return isSameSet(
      seen.map(({ pod }) => pod),
      namesOf(pods),
    );
  }

  #compare(ready: readonly Endpoint[]): Comparison {
    const rows = this.#stage.simulator.state.group(GROUP).rows();
    return compare({ rows, foreign: FOREIGN, ready, weight: WEIGHT });
  }

  /** Fetched rather than watched: a second opinion on the watch. */
  async #readyEndpoints(): Promise<Endpoint[]> {
    const slices = await this.#stage.api.list<EndpointSlice & KubeObject>(
      this.app.path('apis/discovery.k8s.io/v1', 'endpointslices'),
      `kubernetes.io/service-name=${APP}`,
    );
    return [...byKey(slices.flatMap(readyEndpoints)).values()];
  }

  async #pods(): Promise<readonly Pod[]> {
    const path = this.app.path('api/v1', 'pods');
    const pods = await this.#stage.api.list<Pod>(path, `app.kubernetes.io/name=${APP}`);
    return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  #row(address: string) {
    const rows = this.#stage.simulator.state.group(GROUP).rows();
    return rows.find(({ serverIp }) => serverIp === address);
  }

  async #setDrain(seconds: number): Promise<void> {
    await this.app.patchBinding(APP, { spec: { drain: { seconds } } });
    await this.app.untilCondition(APP, 'True');
  }

  /** Writes what the kubelet would write. */
  async #failReadiness({ metadata, status }: Pod): Promise<void> {
    const conditions = status.conditions?.map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: 'False' } : condition,
    );
    const path = `${this.app.path('api/v1', 'pods')}/${metadata.name}/status`;
    await this.#stage.api.patch(path, { status: { conditions } });
  }

  async #evict({ metadata: { name } }: Pod): Promise<void> {
    const path = `${this.app.path('api/v1', 'pods')}/${name}/eviction`;
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
    await waitUntil(`${name} to be evicted`, async () => {
      try {
        await this.#stage.api.create(path, eviction);
      } catch (error) {
        // A pod that is gone needs no eviction; 429 is the "not now" of a disruption budget.
        if (!(error instanceof KubeApiError && error.status === 404)) throw error;
      }
      return true;
    });
  }
}

interface Deployment extends KubeObject {
  readonly status: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
  };
}

/** Compares the pods' names: a pod may have its predecessor's address, and then row, endpoint and count look the same. */
function isAtRest({ metadata, status }: Binding, pods: readonly Pod[]): boolean {
  const backends = (status?.backends ?? []).map(({ pod }) => pod);
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return (
    ready?.status === 'True' &&
    (status?.observedGeneration ?? -1) >= (metadata.generation ?? 0) &&
    status?.registered === pods.length &&
    status.draining === 0 &&
    isSameSet(backends, namesOf(pods))
  );
}

const namesOf = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name);

function isSameSet(a: readonly (string | undefined)[], b: readonly string[]): boolean {
  return a.length === b.length && new Set(a).size === b.length && b.every((name) => a.includes(name));
}

function sayStatus({ status }: Binding): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const counts = `registered ${status?.registered ?? 0}, draining ${status?.draining ?? 0}`;
  return `the binding is Ready=${ready?.status} (${ready?.reason}: ${ready?.message}), ${counts}`;
}

function busiestNode(pods: readonly Pod[]): string {
  const counts = new Map<string, number>();
  for (const { spec } of pods) {
    if (spec.nodeName !== undefined) counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  if (first === undefined) throw new Error(`no pod of ${APP} runs on a node`);
  return first[0];
}
