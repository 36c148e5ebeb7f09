import type { NetworkInterface } from '../../alibaba/api/ecs-api.ts';
import { PROBED_WRITES, type ProbedWrite } from '../../alibaba/api/rights-probe.ts';
import type { Cloud } from '../../alibaba/cloud.ts';
import type { Clock } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { accountOfRole, roleKey, vServerGroup } from '../../cloud/group-ref.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { paths, transformNode } from '../../kubernetes/objects/objects.ts';
import { isHybrid } from '../../membership/desired/cluster.ts';
import { listBindings } from '../bindings.ts';
import type { Cluster } from '../command.ts';
import type { CloudSeen, CloudSurvey, NodeSample, RoleSeen } from './cloud-judgement.ts';
import { type KubeSeen, seenInCluster } from './seen.ts';

export interface SurveyCloudOptions {
  readonly cloud: Cloud;
  /** What has been learned so far about the cloud's clock and the credentials. */
  readonly heard: CloudHearing;
  readonly endpoints: CloudSurvey['endpoints'];
  readonly region: string;
  readonly vpcId: string | undefined;
  readonly groupId: string | undefined;
  /** ARNs that bindings may name. */
  readonly assumableRoles: readonly string[];
  readonly cluster: Cluster;
  /** Where pods to look up and bindings are listed; undefined: in all namespaces. */
  readonly namespace: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Filled in by the cloud's observer. */
export interface CloudHearing {
  aheadMs: number | undefined;
  credentialsFrom: string;
}

/** A group that does not exist is enough to see whether the API answers. */
const NO_GROUP = 'rsp-vsgb0000check';
/** Reserved for documentation (RFC 5737). Looked up if no address of the cluster is known. */
const NO_ADDRESS = '192.0.2.1';
const MOST_NODES = 10;
const MOST_PODS = 20;
const MOST_SESSIONS = 20;
const LISTED = 500;

/** Calls the cloud, and changes nothing there. Rejects when the signal is aborted. */
export async function surveyCloud(options: SurveyCloudOptions): Promise<CloudSurvey> {
  const { cloud, heard, region, vpcId, groupId, cluster, signal, endpoints } = options;
  const credentials = await seenInCloud(signal, async () => {
    await cloud.credentials.get();
    return heard.credentialsFrom;
  });
  const [onGroup, onAddresses, roles] = await Promise.all([
    surveyGroup(options),
    surveyAddresses(options),
    surveyRoles(options),
  ]);
  return {
    ...{ region, vpcId, endpoints, credentials, groupId },
    ...onGroup,
    ...onAddresses,
    roles,
    cloudAheadMs: heard.aheadMs,
    apiServerAheadMs: cluster.aheadMs(),
  };
}

async function surveyGroup({
  cloud: { client },
  region,
  groupId,
  signal,
}: SurveyCloudOptions): Promise<Pick<CloudSurvey, 'group' | 'siblings' | 'health' | 'writes'>> {
  const ref = vServerGroup(region, groupId ?? NO_GROUP);
  const group = await seenInCloud(signal, () => client.vServerGroups.describe(ref, { signal }));
  const id = 'value' in group ? group.value.loadBalancerId : undefined;
  if (groupId === undefined || id === undefined) return { group };
  const { vServerGroups } = client;
  const loadBalancer = { regionId: region, id };
  const siblings = await seenInCloud(signal, () => vServerGroups.list(loadBalancer, { signal }));
  const health = await seenInCloud(
    signal,
    async () => await vServerGroups.describeHealth?.(loadBalancer, { signal }),
  );
  const writes: Partial<Record<ProbedWrite, CloudSeen<unknown>>> = {};
  // One at a time: the API refuses concurrent changes to a group.
  for (const action of PROBED_WRITES)
    writes[action] = await seenInCloud(signal, () => client.rights.probe(action, ref, { signal }));
  return { group, siblings, health, writes: writes as Record<ProbedWrite, CloudSeen<unknown>> };
}

/** Assumes each role with every external id that bindings give for it, or without one if no binding names the role. */
async function surveyRoles(options: SurveyCloudOptions): Promise<readonly RoleSeen[]> {
  const { cloud, region, assumableRoles, cluster, clock, namespace, signal } = options;
  if (assumableRoles.length === 0) return [];
  const bindings = await seenInCluster(signal, () => listBindings(cluster, clock, signal, namespace));
  const named = valuesOf(bindings).flatMap(({ parsed }) =>
    parsed.ok && parsed.binding.spec.assumeRole !== undefined ? [parsed.binding.spec.assumeRole] : [],
  );
  const roles = new Map<string, Omit<RoleSeen, 'asked'>>();
  for (const roleArn of assumableRoles) {
    const ofBindings = named.filter((role) => role.roleArn === roleArn);
    const isNamed = ofBindings.length > 0;
    for (const role of isNamed ? ofBindings : [{ roleArn }]) roles.set(roleKey(role), { role, isNamed });
  }
  return await Promise.all(
    [...roles.values()].slice(0, MOST_SESSIONS).map(async (one) => {
      const ref = vServerGroup(region, NO_GROUP, { account: accountOfRole(one.role), role: one.role });
      return { ...one, asked: await seenInCloud(signal, () => cloud.groups.describe(ref, { signal })) };
    }),
  );
}

async function surveyAddresses(
  options: SurveyCloudOptions,
): Promise<Pick<CloudSurvey, 'nodes' | 'podIPs' | 'interfaces' | 'elsewhere'>> {
  const { cluster, signal, namespace, vpcId } = options;
  const nodes = await seenInCluster(signal, () => sampleNodes(cluster, signal));
  const podIPs = await seenInCluster(signal, () => samplePods(cluster, namespace, signal));
  const ofNodes = valuesOf(nodes).flatMap(({ address }) => address ?? []);
  const addresses = [...ofNodes, ...valuesOf(podIPs)];
  const interfaces = await lookUp(options, addresses.length > 0 ? addresses : [NO_ADDRESS], vpcId);
  const inVpc = 'value' in interfaces ? interfaces.value : undefined;
  const found = inVpc?.some(({ privateIps }) => privateIps.some((ip) => ofNodes.includes(ip))) ?? true;
  if (vpcId === undefined || found || ofNodes.length === 0) return { nodes, podIPs, interfaces };
  return { nodes, podIPs, interfaces, elsewhere: await lookUp(options, ofNodes, undefined) };
}

function lookUp(
  { cloud, region, signal }: SurveyCloudOptions,
  privateIps: readonly string[],
  vpcId: string | undefined,
): Promise<CloudSeen<readonly NetworkInterface[]>> {
  const query = { regionId: region, privateIps, ...(vpcId !== undefined && { vpcId }) };
  return seenInCloud(signal, () => cloud.client.ecs.describeNetworkInterfaces(query, { signal }));
}

async function sampleNodes({ transport }: Cluster, signal: AbortSignal): Promise<readonly NodeSample[]> {
  const answer = asObject(
    await transport.request('GET', paths.nodes(), { query: { limit: LISTED }, signal }),
  );
  return asArray(answer['items'])
    .map(transformNode)
    .filter((node) => !isHybrid(node))
    .slice(0, MOST_NODES)
    .map(({ name, providerID, internalIPs: [address] }) => ({ name, address, region: regionOf(providerID) }));
}

/** Matches `<region>.<instance id>`, optionally prefixed by `alicloud://`. */
function regionOf(providerID: string | undefined): string | undefined {
  return /^(?:alicloud:\/\/)?([a-z0-9-]+)\.i-/.exec(providerID ?? '')?.[1];
}

async function samplePods(
  { transport }: Cluster,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const query = { limit: LISTED, fieldSelector: 'status.phase=Running' };
  const answer = asObject(await transport.request('GET', paths.pods(namespace), { query, signal }));
  return asArray(answer['items'])
    .map(asObject)
    .filter(({ spec }) => asObject(spec)['hostNetwork'] !== true)
    .map(({ status }) => asString(asObject(status)['podIP']))
    .filter((ip) => ip !== '')
    .slice(0, MOST_PODS);
}

function valuesOf<T>(seen: KubeSeen<readonly T[]>): readonly T[] {
  return 'value' in seen ? seen.value : [];
}

async function seenInCloud<T>(signal: AbortSignal, call: () => Promise<T>): Promise<CloudSeen<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) return { failure: error };
    throw error;
  }
}
