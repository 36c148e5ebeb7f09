import { ApiError, invalidParameter } from '../gateway/errors.ts';
import type { Body } from '../gateway/replies.ts';
import type { Listener } from '../state/listeners.ts';
import type { LoadBalancer } from '../state/resources.ts';
import { type Action, type ActionContext, checkRegion, positiveInteger, required } from './action.ts';

export const loadBalancerActions: Readonly<Record<string, Action>> = {
  DescribeLoadBalancers: { product: 'Slb', run: describeLoadBalancers },
  DescribeLoadBalancerAttribute: { product: 'Slb', run: describeLoadBalancer },
  DescribeHealthStatus: { product: 'Slb', run: describeHealthStatus },
};

function describeLoadBalancers(context: ActionContext): Body {
  const { params, state } = context;
  const regionId = required(params, 'RegionId');
  const ids = (params.get('LoadBalancerId') ?? '').split(',').filter((id) => id !== '');
  if (ids.length > 10) throw invalidParameter('The specified LoadBalancerId is invalid: at most 10.');
  const found = state
    .loadBalancers()
    .filter((loadBalancer) => loadBalancer.regionId === regionId)
    .filter((loadBalancer) => ids.length === 0 || ids.includes(loadBalancer.id))
    .filter((loadBalancer) => matches(params, 'LoadBalancerStatus', loadBalancer.status))
    .filter((loadBalancer) => matches(params, 'LoadBalancerName', loadBalancer.name))
    .filter((loadBalancer) => matches(params, 'VpcId', loadBalancer.vpcId))
    .filter((loadBalancer) => holdsServer(context, loadBalancer, params.get('ServerId')));
  const pageNumber = positiveInteger(params, 'PageNumber', { default: 1, max: 1_000_000 });
  // PageSize only takes effect together with PageNumber.
  const pageSize = params.get('PageNumber')
    ? positiveInteger(params, 'PageSize', { default: 50, max: 100 })
    : 100;
  const page = found.slice((pageNumber - 1) * pageSize, pageNumber * pageSize);
  return {
    PageNumber: pageNumber,
    PageSize: pageSize,
    TotalCount: found.length,
    LoadBalancers: { LoadBalancer: page.map(summary) },
  };
}

function describeLoadBalancer(context: ActionContext): Body {
  const { params, state } = context;
  const loadBalancer = state.loadBalancer(required(params, 'LoadBalancerId'));
  checkRegion(params, loadBalancer.regionId, false);
  return {
    ...summary(loadBalancer),
    ListenerPorts: { ListenerPort: loadBalancer.listeners.map((listener) => listener.port) },
    ListenerPortsAndProtocol: {
      ListenerPortAndProtocol: loadBalancer.listeners.map((listener) => ({
        ListenerPort: listener.port,
        ListenerProtocol: listener.protocol,
      })),
    },
    // Lists the default server group only, never the rows of vServer groups.
    BackendServers: { BackendServer: [] },
  };
}

/** Rows are listed per listener; no parameter selects a group. Rows with weight 0 are listed too. */
function describeHealthStatus(context: ActionContext): Body {
  const { params, state } = context;
  const loadBalancer = state.loadBalancer(required(params, 'LoadBalancerId'));
  checkRegion(params, loadBalancer.regionId, false);
  const port = params.get('ListenerPort');
  const protocol = params.get('ListenerProtocol')?.toLowerCase();
  const listeners = loadBalancer.listeners.filter(
    (listener) => (!port || listener.port === Number(port)) && (!protocol || listener.protocol === protocol),
  );
  if (port && listeners.length > 1) throw new ApiError('TooManyListeners');
  return {
    BackendServers: {
      BackendServer: listeners.flatMap((listener) => healthRows(context, loadBalancer.id, listener)),
    },
  };
}

function healthRows(context: ActionContext, loadBalancer: string, listener: Listener): Body[] {
  const group = listener.vServerGroupId ? context.state.findGroup(listener.vServerGroupId) : undefined;
  return (group?.rows() ?? []).map((row) => ({
    ListenerPort: listener.port,
    Protocol: listener.protocol,
    ServerId: row.serverId,
    ServerIp: row.serverIp,
    Port: row.port,
    Type: row.type,
    // A string here, unlike in the vServer group actions (SDK structs).
    Weight: String(row.weight),
    ServerHealthStatus:
      listener.status === 'stopped'
        ? 'unavailable'
        : (context.health.health(loadBalancer, listener, row) ?? group?.health(row) ?? 'normal'),
  }));
}

function summary(loadBalancer: LoadBalancer): Body {
  return {
    LoadBalancerId: loadBalancer.id,
    LoadBalancerName: loadBalancer.name,
    LoadBalancerStatus: loadBalancer.status,
    LoadBalancerSpec: loadBalancer.spec,
    Address: loadBalancer.address,
    AddressType: loadBalancer.addressType,
    AddressIPVersion: 'ipv4',
    NetworkType: 'vpc',
    RegionId: loadBalancer.regionId,
    RegionIdAlias: loadBalancer.regionId,
    VpcId: loadBalancer.vpcId,
    CreateTime: loadBalancer.createTime,
    DeleteProtection: 'off',
    ModificationProtectionStatus: 'NonProtection',
    PayType: 'PayOnDemand',
    Tags: { Tag: [] },
  };
}

function matches(params: ReadonlyMap<string, string>, name: string, value: string): boolean {
  const wanted = params.get(name);
  return !wanted || wanted === value;
}

function holdsServer(
  context: ActionContext,
  loadBalancer: LoadBalancer,
  serverId: string | undefined,
): boolean {
  if (!serverId) return true;
  return [...loadBalancer.groups].some((id) =>
    context.state
      .group(id)
      .rows()
      .some((row) => row.serverId === serverId),
  );
}
