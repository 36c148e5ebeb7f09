import type { Body } from '../gateway/replies.ts';
import { tagList } from '../gateway/request.ts';
import type { LoadBalancer, Tag, VServerGroup } from '../state/resources.ts';
import { type Action, type ActionContext, checkRegion, required } from './action.ts';
import { backendServersBody } from './backend-list.ts';

export const vServerGroupReads: Readonly<Record<string, Action>> = {
  DescribeVServerGroupAttribute: { product: 'Slb', run: describeAttribute },
  DescribeVServerGroups: { product: 'Slb', run: describeGroups },
};

function describeAttribute(context: ActionContext): Body {
  const { params, state } = context;
  required(params, 'RegionId');
  const group = state.group(required(params, 'VServerGroupId'));
  checkRegion(params, state.loadBalancer(group.loadBalancerId).regionId);
  return {
    VServerGroupId: group.id,
    VServerGroupName: group.name,
    LoadBalancerId: group.loadBalancerId,
    CreateTime: group.createTime,
    Tags: tagsBody(group.tags),
    BackendServers: backendServersBody(group, context.semantics),
  };
}

/** The API offers neither paging nor backends here. */
function describeGroups(context: ActionContext): Body {
  const { params, state } = context;
  required(params, 'RegionId');
  const loadBalancer = state.loadBalancer(required(params, 'LoadBalancerId'));
  checkRegion(params, loadBalancer.regionId);
  const name = params.get('Description') ?? '';
  const tags = tagList(params);
  const groups = [...loadBalancer.groups]
    .map((id) => state.group(id))
    .filter((group) => group.name.includes(name) && tags.every((tag) => hasTag(group, tag)));
  return {
    VServerGroups: { VServerGroup: groups.map((group) => groupBody(group, loadBalancer, params)) },
  };
}

function groupBody(
  group: VServerGroup,
  loadBalancer: LoadBalancer,
  params: ReadonlyMap<string, string>,
): Body {
  const listeners = params.get('IncludeListener') === 'true' ? loadBalancer.listeners : [];
  const rules = params.get('IncludeRule') === 'true' ? loadBalancer.listeners : [];
  return {
    VServerGroupId: group.id,
    VServerGroupName: group.name,
    ServerCount: group.size,
    CreateTime: group.createTime,
    AssociatedObjects: {
      Listeners: {
        Listener: listeners
          .filter((listener) => listener.vServerGroupId === group.id)
          .map((listener) => ({ Port: listener.port, Protocol: listener.protocol })),
      },
      Rules: {
        Rule: rules
          .flatMap((listener) => listener.rules ?? [])
          .filter((rule) => rule.vServerGroupId === group.id)
          .map((rule) => ({ RuleId: rule.id, RuleName: rule.name, Domain: rule.domain, Url: rule.url })),
      },
    },
    Tags: tagsBody(group.tags),
  };
}

function hasTag(group: VServerGroup, wanted: Tag): boolean {
  return group.tags.some(
    (tag) => tag.key === wanted.key && (wanted.value === '' || tag.value === wanted.value),
  );
}

function tagsBody(tags: readonly Tag[]): Body {
  return { Tag: tags.map((tag) => ({ TagKey: tag.key, TagValue: tag.value })) };
}
