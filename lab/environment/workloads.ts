import { API_VERSION, KIND, PLURAL, READINESS_GATE } from '../../src/api/names.ts';
import type { Condition, VServerGroupBindingSpec } from '../../src/api/vservergroupbinding.ts';
import type { DeleteOptions, KubeApi, KubeObject } from '../control-plane/api/kube-api.ts';
import { waitUntil } from '../time/wait-until.ts';

/** What a user adds to the pod template of a Deployment. */
export const GATED = { readinessGates: [{ conditionType: READINESS_GATE }] } as const;

export interface Binding extends KubeObject {
  readonly spec: VServerGroupBindingSpec;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
    readonly desired?: number;
    readonly registered?: number;
    readonly draining?: number;
    readonly foreign?: number;
    readonly loadBalancerId?: string;
    readonly lastRemovalTime?: string;
    readonly holdSeconds?: number;
    readonly podsWithoutHold?: number;
    readonly podsWithoutGate?: number;
    readonly backends?: readonly {
      readonly serverId: string;
      readonly serverIp?: string;
      readonly port: number;
      readonly weight: number;
      readonly state: string;
      readonly pod?: string;
      readonly node?: string;
      readonly drainingSince?: string;
      readonly message?: string;
    }[];
  };
}

export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** One endpoint of an EndpointSlice. */
export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly nodeName?: string;
  readonly targetRef?: {
    readonly kind: 'Pod';
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
  };
}

export interface SliceOptions {
  readonly name?: string;
  readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  readonly addressType?: 'IPv4' | 'IPv6';
}

interface Slice extends KubeObject {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean };
  }[];
}

export interface AppOptions {
  readonly replicas: number;
  readonly service?: Readonly<Record<string, unknown>>;
  readonly podSpec?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly strategy?: Readonly<Record<string, unknown>>;
}

const PORT = 8080;

/** One namespace, and the objects that a user keeps in it. */
export class Workloads {
  readonly api: KubeApi;
  readonly namespace: string;

  constructor(api: KubeApi, namespace: string) {
    this.api = api;
    this.namespace = namespace;
  }

  /** Creates a Deployment and the Service in front of it, both with this name. */
  async createApp(name: string, options: AppOptions): Promise<void> {
    await this.api.create(this.path('apis/apps/v1', 'deployments'), this.deployment(name, options));
    await this.createService(name, options.service);
  }

  deployment(name: string, { replicas, podSpec, annotations = {}, strategy }: AppOptions): object {
    const labels = { app: name };
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        ...(strategy && { strategy }),
        template: {
          metadata: { labels, annotations },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{ name: 'app', image: 'app', ports: [{ name: 'http', containerPort: PORT }] }],
            ...podSpec,
          },
        },
      },
    };
  }

  async createService(name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.api.create(this.path('api/v1', 'services'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: {
        selector: { app: name },
        ports: [{ name: 'http', port: 80, targetPort: PORT }],
        ...spec,
      },
    });
  }

  async bind(
    name: string,
    vServerGroupId: string,
    spec: Readonly<Record<string, unknown>> = {},
    labels: Readonly<Record<string, string>> = {},
  ): Promise<Binding> {
    return await this.api.create<Binding>(this.bindings(), {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name, labels },
      spec: { vServerGroupId, serviceRef: { name, port: 80 }, ...spec },
    });
  }

  /** Creates or replaces a hand-made EndpointSlice of the Service, so that the test decides the order of events. */
  async applySlice(
    service: string,
    endpoints: readonly Endpoint[],
    { name = service, ports = [{ name: 'http', port: PORT }], addressType = 'IPv4' }: SliceOptions = {},
  ): Promise<void> {
    await this.api.apply(`${this.path('apis/discovery.k8s.io/v1', 'endpointslices')}/${name}`, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name,
        labels: {
          'kubernetes.io/service-name': service,
          'endpointslice.kubernetes.io/managed-by': 'tests',
        },
      },
      addressType,
      endpoints,
      ports,
    });
  }

  async scale(name: string, replicas: number): Promise<void> {
    await this.api.patch(`${this.path('apis/apps/v1', 'deployments')}/${name}`, { spec: { replicas } });
  }

  /** Same as `kubectl rollout restart`. */
  async restart(name: string): Promise<void> {
    const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
    await this.api.patch(`${this.path('apis/apps/v1', 'deployments')}/${name}`, {
      spec: { template: { metadata: { annotations } } },
    });
  }

  async pods(name: string): Promise<readonly Pod[]> {
    return await this.api.list<Pod>(this.path('api/v1', 'pods'), `app=${name}`);
  }

  async deletePod(name: string, options: DeleteOptions = {}): Promise<void> {
    await this.api.delete(`${this.path('api/v1', 'pods')}/${name}`, options);
  }

  async binding(name: string): Promise<Binding> {
    return await this.api.get<Binding>(`${this.bindings()}/${name}`);
  }

  async patchBinding(name: string, patch: object): Promise<Binding> {
    return await this.api.patch<Binding>(`${this.bindings()}/${name}`, patch);
  }

  async deleteBinding(name: string): Promise<void> {
    await this.api.delete(`${this.bindings()}/${name}`);
  }

  /** The addresses of the Service's ready endpoints, sorted. */
  async readyAddresses(service: string): Promise<readonly string[]> {
    const slices = await this.api.list<Slice>(
      this.path('apis/discovery.k8s.io/v1', 'endpointslices'),
      `kubernetes.io/service-name=${service}`,
    );
    const ready = slices.flatMap(({ endpoints }) =>
      (endpoints ?? []).flatMap(({ addresses, conditions }) =>
        conditions?.ready === false ? [] : addresses,
      ),
    );
    return [...new Set(ready)].sort();
  }

  /**
   * Waits until the Deployment has rolled out and its Service has exactly `count` ready endpoints, all of pods that stay; returns
   * their addresses. Both lag behind a deletion.
   */
  async untilReady(name: string, count: number, timeoutMs = 60_000): Promise<readonly string[]> {
    return await waitUntil(
      `${count} ready endpoints of ${this.namespace}/${name}`,
      async () => {
        const deployment = await this.api.get<
          KubeObject & { status: Record<string, number> } & { metadata: { generation: number } }
        >(`${this.path('apis/apps/v1', 'deployments')}/${name}`);
        const { observedGeneration, updatedReplicas = 0, replicas = 0 } = deployment.status;
        const rolledOut =
          (observedGeneration ?? 0) >= deployment.metadata.generation &&
          updatedReplicas === count &&
          replicas === count;
        const ready = await this.readyAddresses(name);
        const pods = await this.pods(name);
        const stay = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        const addresses = stay.flatMap(({ status }) => status.podIPs?.map(({ ip }) => ip) ?? []);
        const leaving = ready.filter((address) => !addresses.includes(address));
        if (!rolledOut || ready.length !== count || leaving.length > 0) {
          throw new Error(
            `${ready.length} are ready, of which leave: ${leaving.join()}; ${replicas} pods of which ${updatedReplicas} are new`,
          );
        }
        return ready;
      },
      { timeoutMs },
    );
  }

  /** Waits until the binding's Ready condition has this status (and reason). */
  async untilCondition(name: string, status: 'True' | 'False', reason?: string): Promise<Binding> {
    return await waitUntil(`${this.namespace}/${name} to be Ready=${status} ${reason ?? ''}`, async () => {
      const binding = await this.binding(name);
      const ready = binding.status?.conditions?.find(({ type }) => type === 'Ready');
      const isCurrent = (binding.status?.observedGeneration ?? -1) >= (binding.metadata.generation ?? 0);
      if (ready?.status !== status || (reason !== undefined && ready.reason !== reason) || !isCurrent) {
        throw new Error(`it is Ready=${ready?.status} ${ready?.reason}: ${ready?.message}`);
      }
      return binding;
    });
  }

  /** The notes of the events about a binding, oldest first, each preceded by its reason. */
  async events(name: string): Promise<readonly string[]> {
    const events = await this.api.list<
      KubeObject & { regarding: { name: string; kind: string }; reason: string; note: string }
    >(this.path('apis/events.k8s.io/v1', 'events'));
    return events
      .filter(({ regarding }) => regarding.kind === KIND && regarding.name === name)
      .map(({ reason, note }) => `${reason}: ${note}`);
  }

  path(group: string, plural: string): string {
    return `/${group}/namespaces/${this.namespace}/${plural}`;
  }

  bindings(): string {
    return this.path(`apis/${API_VERSION}`, PLURAL);
  }
}
