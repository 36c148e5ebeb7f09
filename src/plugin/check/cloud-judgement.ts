import type { NetworkInterface } from '../../alibaba/api/ecs-api.ts';
import { PROBED_WRITES, type ProbedWrite } from '../../alibaba/api/rights-probe.ts';
import { isInPrefix } from '../../alibaba/ip-prefix.ts';
import type { ApiError } from '../../cloud/api-error.ts';
import type { AssumedRole } from '../../cloud/group-ref.ts';
import type { GroupDescription } from '../../cloud/server-groups.ts';
import { judgeClock } from './clock-judgement.ts';
import { type Finding, failed, ok, unknown, warning } from './finding.ts';
import type { KubeFailure, KubeSeen, Seen } from './seen.ts';

export type CloudSeen<T> = Seen<T, ApiError>;

/** What was seen from one place, with that place's credentials, network and clock. */
export interface CloudSurvey {
  readonly region: string;
  readonly vpcId: string | undefined;
  readonly endpoints: { readonly slb: string; readonly ecs: string };
  /** Where the credentials come from. */
  readonly credentials: CloudSeen<string>;
  /** The group that the user named. If undefined, `group` is the result of asking for a group that does not exist. */
  readonly groupId: string | undefined;
  readonly group: CloudSeen<Pick<GroupDescription, 'loadBalancerId' | 'rows'>>;
  /** All groups of the group's load balancer. This and the next two fields are only set if the group was found. */
  readonly siblings?: CloudSeen<unknown>;
  readonly health?: CloudSeen<unknown>;
  readonly writes?: Readonly<Record<ProbedWrite, CloudSeen<unknown>>>;
  readonly roles: readonly RoleSeen[];
  readonly nodes: KubeSeen<readonly NodeSample[]>;
  /** Addresses of running pods that do not use the host network. */
  readonly podIPs: KubeSeen<readonly string[]>;
  /** ENIs found for the addresses of nodes and pods, in the VPC if one is set. */
  readonly interfaces: CloudSeen<readonly NetworkInterface[]>;
  /** ENIs found for the nodes' addresses in any VPC. Only set if a VPC is set and no node was found in it. */
  readonly elsewhere?: CloudSeen<readonly NetworkInterface[]>;
  /** How far the other clocks are ahead, in milliseconds; undefined if unknown. */
  readonly cloudAheadMs: number | undefined;
  readonly apiServerAheadMs: number | undefined;
}

/** A role that bindings may name, with one of its external ids. */
export interface RoleSeen {
  readonly role: AssumedRole;
  /** Whether a binding names the role; a failure if none does of those that could be listed, and some could not. */
  readonly isNamed: KubeSeen<boolean>;
  /** The result of asking for a group that does not exist, in a session of the role. */
  readonly asked: CloudSeen<unknown>;
}

export interface NodeSample {
  readonly name: string;
  /** From spec.providerID; undefined if the node is not an instance of this cloud. */
  readonly region: string | undefined;
  readonly address: string | undefined;
}

export function judgeCloud(seen: CloudSurvey): readonly Finding[] {
  return [
    credentials(seen),
    endpoint('SLB endpoint', seen.endpoints.slb, failureOf(seen.group)),
    endpoint('ECS endpoint', seen.endpoints.ecs, failureOf(seen.interfaces)),
    region(seen),
    right('ecs:DescribeNetworkInterfaces', failureOf(seen.interfaces)),
    ...groupAndRights(seen),
    ...seen.roles.map((role) => assumableRole(role, seen.credentials)),
    vpc(seen),
    podInterfaces(seen),
    judgeClock('cloud clock', seen.cloudAheadMs, CLOUD_CLOCK),
    judgeClock('API server clock', seen.apiServerAheadMs, 'times in events and status are off by as much'),
  ];
}

const CLOUD_CLOCK =
  'from 15 minutes on the cloud refuses calls that are signed by it, and the operator signs by the time of the refusal';

function credentials({ credentials: given, group: asked, interfaces }: CloudSurvey): Finding {
  const check = 'credentials';
  if ('failure' in given) return failed(check, told(given.failure), given.failure.hint.text);
  const refusal = [failureOf(asked), failureOf(interfaces)].find((error) => error?.kind === 'credentials');
  return refusal === undefined
    ? ok(check, given.value)
    : failed(check, `${given.value}: ${told(refusal)}`, refusal.hint.text);
}

const SEE_CREDENTIALS = 'See the line about credentials.';

const UNREACHABLE =
  'From where the operator runs, port 443 of this host has to be reachable: look at --endpoint-network, DNS, NAT, NetworkPolicy and proxy.';

/** Any answer from the API, even a refusal, shows that the endpoint can be reached. */
function endpoint(check: string, url: string, error: ApiError | undefined): Finding {
  if (error?.reason === 'UnknownRegion') return failed(check, `${url}: ${told(error)}`, error.hint.text);
  if (error === undefined || error.requestId !== undefined) return ok(check, `${url} answers`);
  if (error.kind === 'credentials')
    return unknown(check, `${url} was not called: there are no credentials`, SEE_CREDENTIALS);
  const advice = error.kind === 'configuration' ? error.hint.text : UNREACHABLE;
  return failed(check, `${url}: ${told(error)}`, advice);
}

function region({ region: set, nodes }: CloudSurvey): Finding {
  const check = 'region';
  if ('failure' in nodes) return unreadable(check, 'nodes', nodes.failure);
  const found = [...new Set(nodes.value.flatMap((node) => node.region ?? []))].sort();
  if (found.length === 0)
    return unknown(
      check,
      `no node tells its region in spec.providerID; --region is ${set}`,
      'With backendType ecs, spec.providerID has to be <region>.<instance id>.',
    );
  if (found.includes(set)) return ok(check, `${set}, as the nodes`);
  return warning(
    check,
    `--region is ${set}, and the nodes are in ${found.join(', ')}`,
    'Set VSGB_REGION to the region of the load balancers; pods are looked up there, too.',
  );
}

function groupAndRights(seen: CloudSurvey): readonly Finding[] {
  const describe = 'slb:DescribeVServerGroupAttribute';
  const error = failureOf(seen.group);
  if (seen.groupId !== undefined)
    return [
      group(seen.groupId, seen),
      right(describe, error),
      lesserRight('slb:DescribeVServerGroups', seen.siblings, seen, 'spec.vServerGroup'),
      lesserRight('slb:DescribeHealthStatus', seen.health, seen, 'spec.readiness.gate: Healthy'),
      ...PROBED_WRITES.map((action) => write(action, seen)),
    ];
  const unnamed = unknown(
    GROUP,
    'none was named: the rights on load balancers were not checked',
    'Name one with --group.',
  );
  return error?.kind === 'denied' ? [unnamed, denied(describe, error)] : [unnamed];
}

/** Judges the right to an action that was called for real because it changes nothing. */
function right(check: string, error: ApiError | undefined): Finding {
  if (error?.kind === 'denied') return denied(check, error);
  return error === undefined ? ok(check, 'allowed') : notShown(check, error);
}

/** Judges the right to an action that only some bindings need; `by` says which. */
function lesserRight(
  check: string,
  asked: CloudSeen<unknown> | undefined,
  { group: described }: CloudSurvey,
  by: string,
): Finding {
  if (asked === undefined) return notAsked(check, described);
  const error = failureOf(asked);
  if (error?.kind !== 'denied') return error === undefined ? ok(check, 'allowed') : notShown(check, error);
  return warning(check, `${told(error)}; only bindings with ${by} need it`, error.hint.text);
}

function write(action: ProbedWrite, { writes, group: described }: CloudSurvey): Finding {
  const check = `slb:${action}`;
  if (writes === undefined) return notAsked(check, described);
  const error = failureOf(writes[action]);
  if (error === undefined) return ok(check, 'allowed: a call that changes nothing was accepted');
  if (error.kind === 'denied') return denied(check, error);
  if (error.kind !== 'bug') return notShown(check, error);
  return unknown(
    check,
    `not denied, but refused as incomplete (${error.code}): whether the API checks rights before parameters is not documented, and only a change would prove it`,
    'Compare the RAM policy with deploy/ram-policy.json. If the right is missing, the first binding says so: AccessDenied.',
  );
}

function assumableRole({ role, isNamed, asked }: RoleSeen, given: CloudSurvey['credentials']): Finding {
  const check = `role ${role.roleArn}`;
  const error = failureOf(asked);
  if ('failure' in given) return notShown(check, given.failure);
  if (error === undefined || error.kind === 'groupMissing')
    return ok(check, 'assumed, and slb:DescribeVServerGroupAttribute is allowed with it');
  if (error.kind !== 'credentials') return right(check, error);
  if ('failure' in isNamed)
    return unknown(
      check,
      `without an external id: ${told(error)}; the bindings that may name one cannot be listed: ${isNamed.failure.message}`,
      listAdvice('bindings', isNamed.failure),
    );
  if (isNamed.value) return failed(check, told(error), error.hint.text);
  return warning(
    check,
    `no binding names it, and without an external id: ${told(error)}`,
    `If its trust policy asks for one, check again once a binding names the role. ${error.hint.text}`,
  );
}

const GROUP = 'vServer group';

function group(groupId: string, { group: described, region: set }: CloudSurvey): Finding {
  if ('value' in described) {
    const { loadBalancerId, rows } = described.value;
    return ok(
      GROUP,
      `${groupId} of load balancer ${loadBalancerId ?? '(not told)'}, ${rows.length} backends`,
    );
  }
  const { failure } = described;
  if (failure.kind === 'groupMissing')
    return failed(GROUP, `there is no ${groupId} in ${set}`, 'Check its id and region in the SLB console.');
  return notShown(GROUP, failure);
}

function vpc(seen: CloudSurvey): Finding {
  const check = 'VPC';
  const { nodes, interfaces, elsewhere, vpcId } = seen;
  if ('failure' in interfaces) return notShown(check, interfaces.failure);
  if ('failure' in nodes) return unreadable(check, 'nodes', nodes.failure);
  const addresses = nodes.value.flatMap((node) => node.address ?? []);
  const ofNodes = holders(addresses, interfaces.value);
  const vpcs = vpcsOf(ofNodes);
  if (vpcId === undefined) {
    if (vpcs.length === 1)
      return warning(
        check,
        `--vpc-id is not set; the nodes are in ${vpcs[0]}`,
        `Set VSGB_VPC_ID=${vpcs[0]}: an address that another VPC has, too, is then told apart.`,
      );
    return vpcs.length === 0 ? nodesNotFound(check, seen) : severalVpcs(check, vpcs);
  }
  if (ofNodes.length > 0) return ok(check, `${vpcId} has the nodes`);
  const others = elsewhere === undefined || 'failure' in elsewhere ? [] : elsewhere.value;
  const found = vpcsOf(holders(addresses, others));
  if (found.length === 0) return nodesNotFound(check, seen);
  return failed(
    check,
    `--vpc-id is ${vpcId}, and the nodes are in ${found.join(', ')}`,
    `Set VSGB_VPC_ID=${found[0]}.`,
  );
}

function severalVpcs(check: string, vpcs: readonly string[]): Finding {
  return failed(
    check,
    `--vpc-id is not set, and the addresses of the nodes are found in ${vpcs.join(', ')}`,
    'Set VSGB_VPC_ID to the VPC of the cluster.',
  );
}

function nodesNotFound(check: string, { vpcId, region: set }: CloudSurvey): Finding {
  const where = vpcId === undefined ? set : `${vpcId} (${set})`;
  return warning(
    check,
    `no network interface in ${where} has the address of a node`,
    'Check --region, --vpc-id, and that the credentials are of the account that has the nodes.',
  );
}

function podInterfaces({ podIPs, interfaces }: CloudSurvey): Finding {
  const check = 'pod addresses';
  if ('failure' in interfaces) return notShown(check, interfaces.failure);
  if ('failure' in podIPs) return unreadable(check, 'pods', podIPs.failure);
  const addresses = podIPs.value;
  const missing = addresses.filter((ip) => !interfaces.value.some((eni) => has(eni, ip)));
  if (addresses.length === 0)
    return unknown(check, 'no pod runs that has an address of its own', 'Check again once one does.');
  if (missing.length === 0)
    return ok(
      check,
      `${addresses.length} looked up, each belongs to a network interface: backendType eni works`,
    );
  if (missing.length < addresses.length)
    return warning(
      check,
      `${missing.length} of ${addresses.length} belong to no network interface: ${missing.slice(0, 3).join(', ')}`,
      'Such pods cannot be backends with backendType eni: are they on nodes outside of the VPC?',
    );
  return warning(
    check,
    `none of ${addresses.length} belongs to a network interface`,
    'Without Terway, or with another VPC in --vpc-id, that is so. Where pods have addresses of their own network, use backendType ecs.',
  );
}

function holders(
  addresses: readonly string[],
  interfaces: readonly NetworkInterface[],
): readonly NetworkInterface[] {
  return interfaces.filter((eni) => addresses.some((ip) => has(eni, ip)));
}

function has({ privateIps, prefixes }: NetworkInterface, ip: string): boolean {
  return privateIps.includes(ip) || prefixes.some((prefix) => isInPrefix(ip, prefix));
}

function vpcsOf(interfaces: readonly NetworkInterface[]): readonly string[] {
  return [...new Set(interfaces.flatMap(({ vpcId }) => vpcId ?? []))].sort();
}

function denied(check: string, error: ApiError): Finding {
  return failed(check, told(error), error.hint.text);
}

function notAsked(check: string, described: CloudSurvey['group']): Finding {
  return failureOf(described) === undefined
    ? unknown(check, 'the group names no load balancer', 'Look at the group in the SLB console.')
    : unknown(check, 'not checked: the group could not be read', 'See the lines above.');
}

/** The call failed for a reason that says nothing about the check. */
function notShown(check: string, error: ApiError): Finding {
  if (error.kind === 'credentials')
    return unknown(check, 'not checked: the credentials failed', SEE_CREDENTIALS);
  return unknown(check, told(error), error.retryable ? 'Check again later.' : error.hint.text);
}

function unreadable(check: string, what: string, failure: KubeFailure): Finding {
  return unknown(check, `${what} cannot be listed: ${failure.message}`, listAdvice(what, failure));
}

function listAdvice(what: string, { is }: KubeFailure): string {
  return is === 'forbidden' ? `It takes the right to list ${what}.` : 'Check again later.';
}

function told({ code, text, requestId }: ApiError): string {
  const request = requestId === undefined ? '' : ` (request ${requestId})`;
  return `${code}: ${text.replace(/[.\s]+$/, '')}${request}`;
}

function failureOf(seen: CloudSeen<unknown>): ApiError | undefined {
  return 'failure' in seen ? seen.failure : undefined;
}
