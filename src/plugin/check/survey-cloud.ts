import type { NetworkInterface } from '../../alibaba/api/ecs-api.ts';
import { PROBED_WRITES, type ProbedWrite } from '../../alibaba/api/rights-probe.ts';
import type { Cloud } from '../../alibaba/cloud.ts';
import { accountOfRole, type GroupRef, vServerGroup } from '../../cloud/group-ref.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { paths, transformNode } from '../../kubernetes/objects/objects.ts';
import { isHybrid } from '../../membership/desired/cluster.ts';
import type { Cluster } from '../command.ts';
import { type KubeSeen, seenInCluster, seenInEach } from './seen.ts';
import {
  type CloudSeen,
  type CloudSurvey,
  NO_GROUP,
  type NodeSample,
  type RoleSeen,
  seenInCloud,
} from './seen-in-cloud.ts';
import { type SurveyRolesOptions, surveyRoles } from './survey-roles.ts';

export interface SurveyCloudOptions extends SurveyRolesOptions {
  readonly cloud: Cloud;
  /** What has been learned so far about the cloud's clock and the credentials. */
  readonly heard: CloudHearing;
  readonly endpoints: CloudSurvey['endpoints'];
  readonly vpcId: string | undefined;
  readonly groupId: string | undefined;
  readonly cluster: Cluster;
  /** Where bindings, and pods to look up, are listed; empty: in all namespaces. */
  readonly namespaces: readonly string[];
}

/** Filled in by the cloud's observer. */
export interface CloudHearing {
  aheadMs: number | undefined;
  credentialsFrom: string;
}

/** Reserved for documentation (RFC 5737). Looked up if no address of the cluster is known. */
const NO_ADDRESS = '192.0.2.1';
const MOST_NODES = 10;
const MOST_PODS = 20;
const LISTED = 500;

/** Calls the cloud, and changes nothing there. Rejects when the signal is aborted. */
export async function surveyCloud(options: SurveyCloudOptions): Promise<CloudSurvey> {
  const { cloud, heard, region, vpcId, groupId, cluster, signal, endpoints } = options;
  const credentials = await seenInCloud(signal, async () => {
    await cloud.credentials.get();
    return heard.credentialsFrom;
  });
  const onRoles = await surveyRoles(options);
  const [onGroup, onAddresses] = await Promise.all([
    surveyGroup(options, onRoles.roles),
    surveyAddresses(options),
  ]);
  return {
    ...{ region, vpcId, endpoints, credentials, groupId },
    ...onGroup,
    ...onAddresses,
    ...onRoles,
    cloudAheadMs: heard.aheadMs,
    apiServerAheadMs: cluster.aheadMs(),
  };
}

async function surveyGroup(
  { cloud: { groups, rights }, region, groupId, signal }: SurveyCloudOptions,
  roles: readonly RoleSeen[],
): Promise<Pick<CloudSurvey, 'group' | 'groupRole' | 'siblings' | 'health' | 'writes'>> {
  const describe = async (ref: GroupRef) => ({
    ref,
    group: await seenInCloud(signal, () => groups.describe(ref, { signal })),
  });
  const own = await describe(vServerGroup(region, groupId ?? NO_GROUP));
  if (groupId === undefined) return { group: own.group };
  const refs = roles.map(({ role }) => vServerGroup(region, groupId, { account: accountOfRole(role), role }));
  const byRoles = 'value' in own.group ? [] : await Promise.all(refs.map(describe));
  const { ref, group } = byRoles.find((one) => 'value' in one.group) ?? byRoles.find(isThere) ?? own;
  const id = 'value' in group ? group.value.loadBalancerId : undefined;
  if (id === undefined) return { group, groupRole: ref.role };
  const loadBalancer = { ...ref, id };
  const siblings = await seenInCloud(signal, () => groups.list(loadBalancer, { signal }));
  const health = await seenInCloud(
    signal,
    async () => await groups.describeHealth?.(loadBalancer, { signal }),
  );
  const writes: Partial<Record<ProbedWrite, CloudSeen<unknown>>> = {};
  // One at a time: the API refuses concurrent changes to a group.
  for (const action of PROBED_WRITES)
    writes[action] = await seenInCloud(signal, () => rights.probe(action, ref, { signal }));
  const found = { group, groupRole: ref.role, siblings, health };
  return { ...found, writes: writes as Record<ProbedWrite, CloudSeen<unknown>> };
}

/** Whether the cloud says of the group something else than that it does not exist. Refused roles are reported apart. */
function isThere({ group }: { readonly group: CloudSeen<unknown> }): boolean {
  return 'failure' in group && group.failure.kind !== 'groupMissing' && group.failure.kind !== 'credentials';
}

async function surveyAddresses(
  options: SurveyCloudOptions,
): Promise<Pick<CloudSurvey, 'nodes' | 'podIPs' | 'interfaces' | 'elsewhere'>> {
  const { cluster, signal, namespaces, vpcId } = options;
  const nodes = await seenInCluster(signal, () => sampleNodes(cluster, signal));
  const podIPs = await surveyPods(cluster, namespaces, signal);
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

/** Judged by the pods of namespaces where they may be listed, if there are any. */
async function surveyPods(
  cluster: Cluster,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<KubeSeen<readonly string[]>> {
  const most = Math.ceil(MOST_PODS / Math.max(1, namespaces.length));
  const { found, failure } = await seenInEach(signal, namespaces, async (namespace) =>
    (await samplePods(cluster, namespace, signal)).slice(0, most),
  );
  return failure !== undefined && found.length === 0 ? { failure } : { value: found.slice(0, MOST_PODS) };
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
    .filter((ip) => ip !== '');
}

function valuesOf<T>(seen: KubeSeen<readonly T[]>): readonly T[] {
  return 'value' in seen ? seen.value : [];
}
