import { resolve } from 'node:path';
import { applyFiles, applyObjects } from '../../lab/control-plane/api/apply.ts';
import type { KubeApi, KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { readManifests } from '../../lab/control-plane/api/manifest.ts';
import { OPERATOR_NAMESPACE } from '../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../lab/environment/operator-process.ts';
import type { Workloads } from '../../lab/environment/workloads.ts';
import { waitUntil } from '../../lab/time/wait-until.ts';
import { READINESS_GATE, ZERO_DOWNTIME_LABEL } from '../../src/api/names.ts';

const COMPONENT = resolve(import.meta.dirname, '../../deploy/components/webhook');
const NAME = 'vservergroup-operator-webhook';
export const WEBHOOK_HOST = `${NAME}.${OPERATOR_NAMESPACE}.svc`;
export const WEBHOOK_RBAC = resolve(COMPONENT, 'rbac.yaml');
export const WEBHOOK_SECRET = `/api/v1/namespaces/${OPERATOR_NAMESPACE}/secrets/${NAME}`;
export const WEBHOOK_CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${NAME}`;

interface Configuration extends KubeObject {
  readonly webhooks: readonly {
    readonly clientConfig: { readonly service: object; readonly caBundle?: string };
  }[];
}

/** Applies the component unchanged, except for its Service: there are no pods behind it, so it leads to a port of this machine. */
export async function applyWebhook(api: KubeApi, port: number): Promise<void> {
  await applyFiles(
    api,
    ['rbac.yaml', 'secret.yaml', 'label-policy.yaml'].map((file) => resolve(COMPONENT, file)),
  );
  await applyObjects(api, [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME, namespace: OPERATOR_NAMESPACE },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    } as KubeObject,
  ]);
  const manifests = await readManifests(resolve(COMPONENT, 'webhook.yaml'));
  const configurations = manifests.map(({ object }) => leadingTo(port, object as Configuration));
  await applyObjects(api, configurations);
}

const leadingTo = (port: number, { webhooks, ...configuration }: Configuration): KubeObject =>
  ({
    ...configuration,
    webhooks: webhooks.map(({ clientConfig, ...webhook }) => ({
      ...webhook,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, port } },
    })),
  }) as KubeObject;

/** The CA that the API server trusts for the webhook, as PEM. */
export async function trustedBy(api: KubeApi, configuration = WEBHOOK_CONFIGURATION): Promise<string> {
  const { webhooks } = await api.get<Configuration>(configuration);
  return Buffer.from(webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

/** The port on which the operator serves the webhook. */
export async function webhookPort(operator: OperatorProcess): Promise<number> {
  const address = await waitUntil('the webhook to listen', async () =>
    (await operator.lines())
      .map(({ webhookAddress }) => webhookAddress)
      .find((each) => typeof each === 'string'),
  );
  return Number(String(address).split(':')[1]);
}

export interface CreatedPod extends KubeObject {
  readonly spec: {
    readonly readinessGates?: readonly { readonly conditionType: string }[];
    readonly terminationGracePeriodSeconds: number;
    readonly containers: readonly {
      readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
    }[];
  };
}

/** The gate, the hold and the grace period of a pod in short: `gate 15 45`, or `none`. */
export function zeroDowntimeOf({ spec }: CreatedPod): string {
  const gate = spec.readinessGates?.some(({ conditionType }) => conditionType === READINESS_GATE) && 'gate';
  const holds = spec.containers.map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds);
  if (!gate && holds.every((hold) => hold === undefined)) return 'none';
  return [gate, ...holds, spec.terminationGracePeriodSeconds].filter(Boolean).join(' ');
}

export interface PodFields {
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly container?: object;
}

export function newPod({ labels, spec, container }: PodFields = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'web-', labels: { app: 'web', ...labels } },
    spec: { containers: [{ name: 'app', image: 'app', ...container }], ...spec },
  };
}

export async function createPod(app: Workloads, fields?: PodFields): Promise<CreatedPod> {
  return await app.api.create<CreatedPod>(app.path('api/v1', 'pods'), newPod(fields));
}

/** Same as `kubectl label namespace NAMESPACE slb.alibabacloud.com/zero-downtime=enabled`. */
export async function enableZeroDowntime(app: Workloads): Promise<void> {
  const labels = { [ZERO_DOWNTIME_LABEL]: 'enabled' };
  await app.api.patch(`/api/v1/namespaces/${app.namespace}`, { metadata: { labels } });
}

/** Waits until new pods would get exactly this; creates none. */
export async function untilGiven(app: Workloads, wanted: string, fields?: PodFields): Promise<void> {
  await waitUntil(`new pods in ${app.namespace} to get ${wanted}`, async () => {
    const pods = `${app.path('api/v1', 'pods')}?dryRun=All`;
    const pod = await app.api.create<CreatedPod>(pods, newPod(fields));
    const given = zeroDowntimeOf(pod);
    if (given !== wanted) throw new Error(`they get ${given}`);
    return true;
  });
}
