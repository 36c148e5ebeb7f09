import { OPERATOR } from '../../api/names.ts';
import { asArray, asObject, asString, type JsonObject } from '../../json.ts';
import { readSpec } from '../../kubernetes/election/lease.ts';
import { metadata } from '../../kubernetes/objects/metadata.ts';
import { namespaced } from '../../kubernetes/objects/objects.ts';
import type { LeaderElection, OperatorDeployment } from './cluster-judgement.ts';
import type { ClusterReader } from './cluster-reader.ts';

/** A pod of the operator from which the cloud can be called. */
export interface OperatorPod {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  /** The container's arguments: the flags that the image's entrypoint receives. */
  readonly args: readonly string[];
}

const CONTAINER = 'operator';

export interface FoundDeployment {
  readonly deployment: OperatorDeployment;
  readonly pod: OperatorPod | undefined;
}

export async function deploymentsIn(
  reader: ClusterReader,
  namespace: string,
): Promise<readonly FoundDeployment[]> {
  const objects = await reader.list(namespaced('/apis/apps/v1', 'deployments', namespace));
  return await Promise.all(
    objects.filter(isOperator).map((object) => deploymentOf(reader, namespace, object)),
  );
}

/** By variables that no value of the chart takes away, unlike its labels. Installed by hand, it may have nothing but the label. */
function isOperator(object: JsonObject): boolean {
  const variables = asArray(operatorContainer(podSpecOf(object))['env']).map(asObject);
  return (
    variables.some(({ name }) => asString(name).startsWith('VSGB_')) ||
    asObject(metadata(object)['labels'])['app.kubernetes.io/name'] === OPERATOR
  );
}

async function deploymentOf(
  reader: ClusterReader,
  namespace: string,
  object: JsonObject,
): Promise<FoundDeployment> {
  const spec = asObject(object['spec']);
  const container = operatorContainer(podSpecOf(object));
  const selector = labelSelector(asObject(asObject(spec['selector'])['matchLabels']));
  const [settings, seenPods] = await Promise.all([
    settingsOf(reader, namespace, container),
    reader.see(() => reader.list(namespaced('/api/v1', 'pods', namespace), { labelSelector: selector })),
  ]);
  const pods = 'value' in seenPods ? seenPods.value : [];
  const running = pods.find(isRunning);
  return {
    deployment: {
      name: asString(metadata(object)['name']),
      image: asString(container['image']),
      wanted: Number(spec['replicas'] ?? 1),
      ready: Number(asObject(object['status'])['readyReplicas'] ?? 0),
      waiting: [...new Set(pods.flatMap(waitingReasons))].sort(),
      dryRun: settings.get('VSGB_DRY_RUN') === 'true',
      election: await electionOf(reader, namespace, settings),
    },
    pod: running && {
      namespace,
      name: asString(metadata(running)['name']),
      container: asString(container['name']),
      args: asArray(container['args']).map(asString),
    },
  };
}

/** Without a kubeconfig the operator is in a cluster, where it takes part in an election unless it is told not to. */
async function electionOf(
  reader: ClusterReader,
  ownNamespace: string,
  settings: ReadonlyMap<string, string>,
): Promise<LeaderElection | undefined> {
  const isOutside = settings.has('VSGB_KUBECONFIG') || settings.has('KUBECONFIG');
  const elects = settings.get('VSGB_LEADER_ELECT') ?? String(!isOutside);
  if (elects === 'false') return undefined;
  const namespace = settings.get('VSGB_LEADER_ELECT_NAMESPACE') ?? ownNamespace;
  const leaseName = settings.get('VSGB_LEADER_ELECT_LEASE_NAME') ?? OPERATOR;
  const path = `${namespaced('/apis/coordination.k8s.io/v1', 'leases', namespace)}/${encodeURIComponent(leaseName)}`;
  return { namespace, leaseName, lease: await reader.see(async () => leaseOf(await reader.get(path))) };
}

function podSpecOf(deployment: JsonObject): JsonObject {
  return asObject(asObject(asObject(deployment['spec'])['template'])['spec']);
}

function operatorContainer(podSpec: JsonObject): JsonObject {
  const containers = asArray(podSpec['containers']).map(asObject);
  return containers.find(({ name }) => name === CONTAINER) ?? containers[0] ?? {};
}

function labelSelector(labels: JsonObject): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${asString(value)}`)
    .join(',');
}

/**
 * The settings that are visible from outside, by variable name. A ConfigMap that cannot be read is skipped; a variable without a value, or
 * with one from elsewhere, counts as unset.
 */
async function settingsOf(
  reader: ClusterReader,
  namespace: string,
  container: JsonObject,
): Promise<ReadonlyMap<string, string>> {
  const sources = asArray(container['envFrom']).map((source) =>
    asString(asObject(asObject(source)['configMapRef'])['name']),
  );
  const maps = await Promise.all(
    sources
      .filter((name) => name !== '')
      .map((name) =>
        reader.see(() =>
          reader.get(`${namespaced('/api/v1', 'configmaps', namespace)}/${encodeURIComponent(name)}`),
        ),
      ),
  );
  const fromMaps = maps.flatMap((seen) =>
    'value' in seen ? Object.entries(asObject(seen.value['data']) as JsonObject) : [],
  );
  const own = asArray(container['env'])
    .map(asObject)
    .map(({ name, value }) => [asString(name), value] as const);
  const variables = new Map([...fromMaps, ...own].map(([name, value]) => [name, asString(value)]));
  const given = [...variables].filter(([, value]) => value !== '');
  return new Map([...given, ...flagsOf(asArray(container['args']).map(asString))]);
}

/** Flags by the names of their variables. A flag without a value is on, and `--no-flag` is off. */
function flagsOf(args: readonly string[]): readonly (readonly [string, string])[] {
  return args.flatMap((arg, i) => {
    const [, no, name, value] = /^--(no-)?([a-z][a-z-]*)(?:=(.*))?$/.exec(arg) ?? [];
    if (name === undefined) return [];
    const next = args[i + 1];
    const alone = next === undefined || next.startsWith('--');
    const given = no === undefined ? (value ?? (alone ? 'true' : next)) : 'false';
    return [[`VSGB_${name.replaceAll('-', '_').toUpperCase()}`, given]];
  });
}

function isRunning(pod: JsonObject): boolean {
  const { phase, containerStatuses } = asObject(pod['status']);
  const leaving = metadata(pod)['deletionTimestamp'] !== undefined;
  const statuses = asArray(containerStatuses).map(asObject);
  return (
    phase === 'Running' && !leaving && statuses.some(({ state }) => asObject(state)['running'] !== undefined)
  );
}

function waitingReasons(pod: JsonObject): readonly string[] {
  return asArray(asObject(pod['status'])['containerStatuses']).flatMap((status) => {
    const { reason, message } = asObject(asObject(asObject(status)['state'])['waiting']);
    const text = asString(message).replace(/\s+/g, ' ').slice(0, 160);
    return asString(reason) === '' ? [] : [[asString(reason), text].filter(Boolean).join(': ')];
  });
}

function leaseOf(object: JsonObject) {
  const { holderIdentity, renewTime, leaseDurationSeconds } = readSpec(object);
  return {
    holder: holderIdentity,
    renewedAt: Date.parse(renewTime),
    durationMs: leaseDurationSeconds * 1000,
  };
}
