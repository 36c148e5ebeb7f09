import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { type AppOptions, GATED, type Workloads } from '../../lab/environment/workloads.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';
import { READINESS_GATE } from '../../src/api/names.ts';

/** Creates a Deployment of pods with our readiness gate and, before the pods, the Service in front of it. */
export async function createGatedApp(
  app: Workloads,
  name: string,
  { service, podSpec, ...options }: AppOptions,
): Promise<void> {
  await app.createService(name, service);
  const deployment = app.deployment(name, { ...options, podSpec: { ...podSpec, ...GATED } });
  await app.api.create(app.path('apis/apps/v1', 'deployments'), deployment);
}

export interface GatedPod extends KubeObject {
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}

export function conditionOf({ status }: GatedPod, type: string = READINESS_GATE) {
  return status.conditions?.find((condition) => condition.type === type);
}

/** Waits until the Deployment has exactly this many pods that are not terminating, all with this gate status; returns them. */
export async function untilGates(
  app: Workloads,
  name: string,
  count: number,
  wanted: string,
  timeoutMs = 30_000,
): Promise<readonly GatedPod[]> {
  return await waitUntil(
    `${count} pods of ${name} with ${wanted}`,
    async () => {
      const pods = await app.api.list<GatedPod>(app.path('api/v1', 'pods'), `app=${name}`);
      const live = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const gates = live.map((pod) => {
        const gate = conditionOf(pod);
        return gate === undefined ? 'none' : `${gate.status} ${gate.reason}`;
      });
      if (live.length !== count || gates.some((gate) => gate !== wanted))
        throw new Error(`they have ${gates.join(', ')}`);
      return live;
    },
    { timeoutMs },
  );
}
