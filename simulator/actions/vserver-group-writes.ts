import { ApiError, invalidParameter, missingParameter } from '../gateway/errors.ts';
import type { Body } from '../gateway/replies.ts';
import { tagList } from '../gateway/request.ts';
import { type Row, rowKey } from '../state/backend-servers.ts';
import type { VServerGroup } from '../state/resources.ts';
import {
  type Action,
  type ActionContext,
  checkRegion,
  checkWritable,
  openBusyWindow,
  required,
} from './action.ts';
import {
  backendServersBody,
  checkQuota,
  checkServers,
  distinct,
  newRows,
  readBackends,
  readOptionalBackends,
} from './backend-list.ts';

export const vServerGroupWrites: Readonly<Record<string, Action>> = {
  AddVServerGroupBackendServers: { product: 'Slb', run: add },
  RemoveVServerGroupBackendServers: { product: 'Slb', run: remove },
  ModifyVServerGroupBackendServers: { product: 'Slb', run: modify },
  SetVServerGroupAttribute: { product: 'Slb', run: setAttribute },
  CreateVServerGroup: { product: 'Slb', run: create },
  DeleteVServerGroup: { product: 'Slb', run: deleteGroup },
};

function add(context: ActionContext): Body {
  requireGroupParameters(context);
  const rows = readBackends(context);
  const group = writableGroup(context);
  checkServers(context, rows);
  const fresh = newRows(rows, group, context.semantics);
  checkQuota(context, group, fresh.length);
  for (const row of fresh) context.state.addRow(group.id, row);
  return written(context, group);
}

/** Backends that are not in the group are ignored, so Remove is safe to repeat. */
function remove(context: ActionContext): Body {
  requireGroupParameters(context);
  const rows = readBackends(context);
  const group = writableGroup(context);
  if (context.semantics.obtainIpFailOnRemove) checkStillThere(context, rows);
  for (const row of rows) {
    const removed = context.state.removeRow(group.id, row);
    if (!removed && context.semantics.removeMatch === 'loose') removeLoosely(context, group, row);
  }
  return written(context, group);
}

function modify(context: ActionContext): Body {
  requireGroupParameters(context);
  // Unlike that of Add, the error table of Modify lists duplicates within a call.
  const old = distinct(readOptionalBackends(context, 'OldBackendServers'), 'error');
  const wanted = distinct(readOptionalBackends(context, 'NewBackendServers'), 'error');
  const group = writableGroup(context);
  checkServers(context, wanted);
  const leaving = new Set(old.map(rowKey).filter((key) => group.row(key)));
  const fresh = wanted.filter((row) => leaving.has(rowKey(row)) || !group.row(rowKey(row)));
  if (fresh.length < wanted.length && context.semantics.alreadyAttached === 'error') {
    throw invalidParameter('The specified BackendServers is invalid: a backend server is already attached.');
  }
  checkQuota(context, group, fresh.length - leaving.size);
  for (const row of old) context.state.removeRow(group.id, row);
  for (const row of fresh) context.state.addRow(group.id, row);
  return written(context, group);
}

/** Changes the name of the group and the weight and description of existing rows; never adds or removes rows. */
function setAttribute(context: ActionContext): Body {
  requireGroupParameters(context);
  const name = context.params.get('VServerGroupName');
  if (!name && !context.params.get('BackendServers')) throw missingParameter('BackendServers');
  const rows = readOptionalBackends(context, 'BackendServers');
  const group = writableGroup(context);
  if (name) context.state.renameGroup(group.id, checkedName(name));
  for (const row of rows) {
    const current = group.row(rowKey(row));
    if (!current) continue;
    const description = row.description === '' ? current.description : row.description;
    context.state.addRow(group.id, { ...current, weight: row.weight, description });
  }
  return { VServerGroupName: group.name, ...written(context, group) };
}

function create(context: ActionContext): Body {
  const { params, state } = context;
  required(params, 'RegionId');
  const loadBalancer = state.loadBalancer(required(params, 'LoadBalancerId'));
  checkRegion(params, loadBalancer.regionId);
  const rows = readOptionalBackends(context, 'BackendServers');
  const tags = tagList(params);
  if (tags.length > 20 || tags.some((tag) => tag.key.length > 64 || tag.value.length > 128)) {
    throw invalidParameter('The specified Tag is invalid.');
  }
  const name = params.get('VServerGroupName');
  if (name) checkedName(name);
  checkWritable(context, loadBalancer);
  checkServers(context, rows);
  const quota = context.semantics.backendsPerLoadBalancer;
  if (quota > 0 && loadBalancer.backendCount + rows.length > quota) {
    throw new ApiError('InstanceBackendServerNumberOverLimit');
  }
  const group = state.createGroup(state.newGroupId(), loadBalancer.id, { tags, ...(name ? { name } : {}) });
  for (const row of rows) state.addRow(group.id, row);
  return { VServerGroupName: group.name, ...written(context, group) };
}

function deleteGroup(context: ActionContext): Body {
  requireGroupParameters(context);
  const group = writableGroup(context);
  for (const listener of context.state.loadBalancer(group.loadBalancerId).listeners) {
    if (listener.vServerGroupId === group.id) throw new ApiError('RspoolVipExist');
    if (listener.rules?.some((rule) => rule.vServerGroupId === group.id))
      throw new ApiError('RspoolRuleExist');
  }
  context.state.deleteGroup(group.id);
  return {};
}

function requireGroupParameters(context: ActionContext): void {
  required(context.params, 'RegionId');
  required(context.params, 'VServerGroupId');
}

/** The group that the call names, if region, load balancer and busy windows allow a write. */
function writableGroup(context: ActionContext): VServerGroup {
  const group = context.state.group(required(context.params, 'VServerGroupId'));
  const loadBalancer = context.state.loadBalancer(group.loadBalancerId);
  checkRegion(context.params, loadBalancer.regionId);
  // The group's own window first: after a write both windows are open, and the group's error is more specific.
  if (context.state.options.now() < group.busyUntil) throw new ApiError('VServerGroupProcessing');
  checkWritable(context, loadBalancer);
  return group;
}

/** Opens the busy windows and returns the group's current rows. */
function written(context: ActionContext, group: VServerGroup): Body {
  const { semantics, state } = context;
  group.busyUntil = Math.max(group.busyUntil, state.options.now() + semantics.busyMs);
  openBusyWindow(context, state.loadBalancer(group.loadBalancerId));
  return { VServerGroupId: group.id, BackendServers: backendServersBody(group, semantics) };
}

function checkStillThere(context: ActionContext, rows: readonly Row[]): void {
  const { inventory } = context.state;
  const gone = rows.some((row) =>
    row.type === 'ecs'
      ? inventory.instanceStatus(row.serverId) !== 'Running'
      : !inventory.acceptsEni(row.serverId, row.serverIp),
  );
  if (gone) throw new ApiError('ObtainIpFail');
}

function removeLoosely(context: ActionContext, group: VServerGroup, wanted: Row): void {
  for (const row of group.rows()) {
    const sameIp = wanted.serverIp === '' || wanted.serverIp === row.serverIp;
    if (row.serverId === wanted.serverId && row.port === wanted.port && sameIp) {
      context.state.removeRow(group.id, row);
    }
  }
}

function checkedName(name: string): string {
  if (name.length > 80) throw invalidParameter('The specified VServerGroupName is invalid.');
  return name;
}
