import type { NetworkInterface } from '../../alibaba/api/ecs-api.ts';
import { isInPrefix } from '../../alibaba/ip-prefix.ts';
import { notListed, notShown } from './cloud-failures.ts';
import { type Finding, failed, ok, unknown, warning } from './finding.ts';
import type { CloudSurvey } from './seen-in-cloud.ts';

export function region({ region: set, nodes }: CloudSurvey): Finding {
  const check = 'region';
  if ('failure' in nodes) return notListed(check, 'nodes', nodes.failure);
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

export function vpc(seen: CloudSurvey): Finding {
  const check = 'VPC';
  const { nodes, interfaces, elsewhere, vpcId } = seen;
  if ('failure' in interfaces) return notShown(check, interfaces.failure);
  if ('failure' in nodes) return notListed(check, 'nodes', nodes.failure);
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

export function podInterfaces({ podIPs, interfaces }: CloudSurvey): Finding {
  const check = 'pod addresses';
  if ('failure' in interfaces) return notShown(check, interfaces.failure);
  if ('failure' in podIPs) return notListed(check, 'pods', podIPs.failure);
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
