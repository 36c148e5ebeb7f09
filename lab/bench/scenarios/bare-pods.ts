import { randomUUID } from 'node:crypto';
import { READINESS_GATE } from '../../../src/api/names.ts';
import { createNodes } from '../../control-plane/nodes.ts';
import { GATED, type Pod, type Workloads } from '../../environment/workloads.ts';
import { waitUntil } from '../../time/wait-until.ts';
import type { Bed } from '../bed.ts';
import { inParallel } from '../measure/statistics.ts';
import { addressOf, fill, PORT } from './prefilled.ts';

/** Spread over namespaces, because the controller looks at all pods of the namespace each time it syncs a Service. */
const NAMESPACES = 10;
const PODS_PER_NODE = 100;
const WIDTH = 16;
const SINCE = '2026-01-01T00:00:00Z';
const CONDITIONS = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
const RUNNING = {
  name: 'app',
  image: 'registry.example/app:1',
  imageID: `registry.example/app@sha256:${'0'.repeat(64)}`,
  containerID: `containerd://${'0'.repeat(64)}`,
  ready: true,
  restartCount: 0,
  started: true,
  state: { running: { startedAt: SINCE } },
};

/** Nothing simulates nodes or pods, and nothing checks the heartbeats of nodes. */
export const BARE = {
  nodes: [],
  controlPlane: {
    scheduler: false,
    kwok: false,
    controllerManagerFlags: ['--node-monitor-grace-period=24h'],
  },
} as const;

/**
 * Services in front of pods that are real objects, with the status that a kubelet would write. Kubernetes' own controller makes
 * their EndpointSlices. The groups hold the rows already.
 */
export class BarePods {
  readonly groups = new Map<string, string>();
  readonly #bed: Bed;
  readonly #apps: readonly Workloads[];
  readonly #pods: number;
  readonly #gated: boolean;

  private constructor(bed: Bed, apps: readonly Workloads[], pods: number, gated: boolean) {
    this.#bed = bed;
    this.#apps = apps;
    this.#pods = pods;
    this.#gated = gated;
  }

  /** `bed` is one started with BARE; `pods` is the number per Service. `gated`: the pods have our readiness gate, which is open. */
  static async create(
    bed: Bed,
    services: number,
    pods: number,
    { gated = false }: { readonly gated?: boolean } = {},
  ): Promise<BarePods> {
    const apps = await Promise.all(
      Array.from({ length: NAMESPACES }, () => bed.env.createNamespace('bench')),
    );
    const made = new BarePods(bed, apps, pods, gated);
    await createReadyNodes(bed, Math.ceil((services * pods) / PODS_PER_NODE));
    // The pods come before their Services, so that the controller makes each slice once.
    await made.#createPods(services * pods);
    const indexes = Array.from({ length: services }, (_, index) => index);
    await inParallel(indexes, WIDTH, (index) => made.#createService(index));
    await waitUntil(
      `${services} Services to have ${pods} endpoints each`,
      () => [...made.groups.keys()].every((service) => bed.watcher.bySlices.of(service).length === pods),
      { timeoutMs: 180_000, intervalMs: 200 },
    );
    return made;
  }

  /** Writes what a kubelet writes when a pod's probe fails, or passes again. */
  async setReady(service: number, pod: number, ready: boolean): Promise<void> {
    const conditions = ['Ready', 'ContainersReady'].map((type) => ({
      type,
      status: ready ? 'True' : 'False',
    }));
    const id = service * this.#pods + pod;
    const path = `${this.#app(service).path('api/v1', 'pods')}/${this.#name(id)}/status`;
    await this.#bed.env.api.patch(path, { status: { conditions } }, 'strategic');
  }

  /** Creates one pod through the API server, and copies it for the others. */
  async #createPods(count: number): Promise<void> {
    const { api, controlPlane } = this.#bed.env;
    const path = this.#app(0).path('api/v1', 'pods');
    await api.create(path, this.#pod());
    const status = {
      phase: 'Running',
      hostIP: '10.8.0.1',
      conditions: [...CONDITIONS, ...(this.#gated ? [READINESS_GATE] : [])].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: SINCE,
      })),
      containerStatuses: [RUNNING],
    };
    const first = await api.patch<Pod>(`${path}/${this.#name(0)}/status`, { status }, 'strategic');
    const ids = Array.from({ length: count }, (_, id) => id);
    await inParallel(ids, WIDTH, async (id) => {
      const pod = this.#copy(first, id);
      await controlPlane.putIntoEtcd(`/registry/pods/${pod.metadata.namespace}/${pod.metadata.name}`, pod);
    });
  }

  #copy({ metadata: { resourceVersion, ...metadata }, spec, status, ...pod }: Pod, id: number): Pod {
    const podIP = addressOf(id);
    const own = { ...status, podIP, podIPs: [{ ip: podIP }] };
    const service = Math.floor(id / this.#pods);
    const { namespace } = this.#app(service);
    const labels = { ...metadata.labels, app: serviceName(service) };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      ...pod,
      metadata: { ...metadata, namespace, name: this.#name(id), uid: randomUUID(), labels },
      spec: { ...spec, nodeName: nodeName(Math.floor(id / PODS_PER_NODE)) },
      status: own,
    };
  }

  async #createService(index: number): Promise<void> {
    const name = serviceName(index);
    const app = this.#app(index);
    const { env } = this.#bed;
    const group = env.createGroup();
    this.groups.set(`${app.namespace}/${name}`, group);
    const ips = Array.from({ length: this.#pods }, (_, pod) => addressOf(index * this.#pods + pod));
    fill(env, group, { namespace: app.namespace, name }, ips);
    await app.createService(name);
    await app.bind(name, group);
  }

  #app(service: number): Workloads {
    return this.#apps[service % this.#apps.length] as Workloads;
  }

  #name(id: number): string {
    return `${serviceName(Math.floor(id / this.#pods))}-5d9c7b8f64-${id}`;
  }

  /** A pod as large as those of a typical Deployment: fields that are not kept must be parsed all the same. */
  #pod(): object {
    const probe = { httpGet: { path: '/healthz', port: PORT }, periodSeconds: 5 };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: this.#name(0),
        labels: {
          app: serviceName(0),
          'pod-template-hash': '5d9c7b8f64',
          'app.kubernetes.io/part-of': 'shop',
        },
        annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': `${PORT}` },
      },
      spec: {
        nodeName: nodeName(0),
        containers: [
          {
            name: 'app',
            image: 'registry.example/app:1',
            ports: [{ name: 'http', containerPort: PORT }],
            env: Array.from({ length: 10 }, (_, i) => ({ name: `SETTING_${i}`, value: `value of ${i}` })),
            resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
            readinessProbe: probe,
            livenessProbe: probe,
            volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'settings' } }],
        ...(this.#gated && GATED),
      },
    };
  }
}

function serviceName(index: number): string {
  return `web${index}`;
}

function nodeName(index: number): string {
  return `cn-hangzhou.node${index}`;
}

async function createReadyNodes({ env }: Bed, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => nodeName(index));
  await createNodes(env.api, names);
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }];
  await inParallel(names, WIDTH, (name) =>
    env.api.patch(`/api/v1/nodes/${name}/status`, { status: { conditions } }, 'strategic'),
  );
}
