import { OPERATOR } from '../../api/names.ts';
import { asArray, asObject, asString, type JsonObject } from '../../json.ts';
import { readSpec } from '../../kubernetes/election/lease.ts';
import { metadata } from '../../kubernetes/objects/metadata.ts';
import { namespaced } from '../../kubernetes/objects/objects.ts';
import type { OperatorDeployment } from './cluster-judgement.ts';
import type { ClusterReader } from './cluster-reader.ts';
import type { Seen, Unread } from './seen.ts';

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
  /** Undefined if none runs. */
  readonly pod: Seen<OperatorPod | undefined, Unread>;
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
  return {
    deployment: {
      name: asString(metadata(object)['name']),
      image: asString(container['image']),
      selector,
      wanted: Number(spec['replicas'] ?? 1),
      ready: Number(asObject(object['status'])['readyReplicas'] ?? 0),
      waiting: [...new Set(pods.flatMap(waitingReasons))].sort(),
      dryRun: dryRunOf(settings),
      election: await electionOf(reader, namespace, settings),
    },
    pod:
      'failure' in seenPods
        ? { failure: { what: `the pods of ${namespace}`, why: seenPods.failure } }
        : { value: podOf(namespace, pods.find(isRunning), container) },
  };
}

function podOf(
  namespace: string,
  pod: JsonObject | undefined,
  container: JsonObject,
): OperatorPod | undefined {
  return (
    pod && {
      namespace,
      name: asString(metadata(pod)['name']),
      container: asString(container['name']),
      args: asArray(container['args']).map(asString),
    }
  );
}

function dryRunOf(settings: Settings): OperatorDeployment['dryRun'] {
  const unread = unreadOf(settings, 'VSGB_DRY_RUN');
  return unread === undefined
    ? { value: settings.values.get('VSGB_DRY_RUN') === 'true' }
    : { failure: unread };
}

/** Without a kubeconfig the operator is in a cluster, where it takes part in an election unless it is told not to. */
async function electionOf(
  reader: ClusterReader,
  ownNamespace: string,
  settings: Settings,
): Promise<OperatorDeployment['election']> {
  const get = (variable: string) => settings.values.get(variable) || undefined;
  const unread = unreadOf(settings, 'VSGB_LEADER_ELECT');
  if (unread !== undefined) return { failure: unread };
  const isOutside = (get('VSGB_KUBECONFIG') ?? get('KUBECONFIG')) !== undefined;
  const elects = get('VSGB_LEADER_ELECT') ?? String(!isOutside);
  if (elects === 'false') return { value: undefined };
  const unreadName = unreadOf(settings, 'VSGB_LEADER_ELECT_NAMESPACE', 'VSGB_LEADER_ELECT_LEASE_NAME');
  if (unreadName !== undefined) return { failure: unreadName };
  const namespace = get('VSGB_LEADER_ELECT_NAMESPACE') ?? ownNamespace;
  const leaseName = get('VSGB_LEADER_ELECT_LEASE_NAME') ?? OPERATOR;
  const path = `${namespaced('/apis/coordination.k8s.io/v1', 'leases', namespace)}/${encodeURIComponent(leaseName)}`;
  const lease = await reader.see(async () => leaseOf(await reader.get(path)));
  return { value: { namespace, leaseName, lease } };
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

/** The settings that are visible from outside. */
interface Settings {
  /** By variable; empty is unset, and so is a variable with a value from elsewhere. */
  readonly values: ReadonlyMap<string, string>;
  /** May have the settings that `values` lacks. */
  readonly unread: Unread | undefined;
}

/** Undefined if what these variables are is known. */
function unreadOf({ values, unread }: Settings, ...variables: readonly string[]): Unread | undefined {
  return variables.every((variable) => values.has(variable)) ? undefined : unread;
}

async function settingsOf(
  reader: ClusterReader,
  namespace: string,
  container: JsonObject,
): Promise<Settings> {
  const sources = asArray(container['envFrom']).map((source) =>
    asString(asObject(asObject(source)['configMapRef'])['name']),
  );
  const maps = await Promise.all(
    sources
      .filter((name) => name !== '')
      .map(async (name) => {
        const path = `${namespaced('/api/v1', 'configmaps', namespace)}/${encodeURIComponent(name)}`;
        return { name, seen: await reader.see(() => reader.get(path)) };
      }),
  );
  const fromMaps = maps.flatMap(({ seen }) =>
    'value' in seen ? Object.entries(asObject(seen.value['data']) as JsonObject) : [],
  );
  const [unread] = maps.flatMap(({ name, seen }) =>
    'failure' in seen && seen.failure.is !== 'missing'
      ? [{ what: `the ConfigMap ${name}`, why: seen.failure }]
      : [],
  );
  const own = asArray(container['env'])
    .map(asObject)
    .map(({ name, value }) => [asString(name), value] as const);
  const variables = [...fromMaps, ...own].map(([name, value]) => [name, asString(value)] as const);
  const flags = flagsOf(asArray(container['args']).map(asString));
  return { values: new Map([...variables, ...flags]), unread };
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
