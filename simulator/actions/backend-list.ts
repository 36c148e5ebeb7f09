import { ApiError, invalidParameter, missingParameter } from '../gateway/errors.ts';
import type { Body } from '../gateway/replies.ts';
import { parseBackendServers, type Row, rowKey } from '../state/backend-servers.ts';
import type { VServerGroup } from '../state/resources.ts';
import type { ActionContext, Semantics } from './action.ts';

/** Parses and validates a list parameter of a write. */
export function readBackends(context: ActionContext, name = 'BackendServers'): Row[] {
  const text = context.params.get(name)?.trim();
  const { semantics } = context;
  if (!text) {
    // Terraform sends an empty list for group sizes that are a multiple of 20; how production reacts is unknown.
    if (text === undefined || semantics.emptyBackendServers === 'refuse') throw missingParameter(name);
    return [];
  }
  const rows = parseBackendServers(text);
  if (rows.length === 0 && semantics.emptyBackendServers === 'refuse') {
    throw invalidParameter(`The specified ${name} is invalid: it names no backend server.`);
  }
  if (rows.length > semantics.maxBackendsPerCall) {
    throw new ApiError('TooManyBackendServers', {
      message: `The number of specified backend servers exceeds the limit (max supported number: ${semantics.maxBackendsPerCall}).`,
    });
  }
  return distinct(rows, semantics.duplicatesInCall);
}

/** Like readBackends, for a list that may be absent. */
export function readOptionalBackends(context: ActionContext, name: string): Row[] {
  return context.params.get(name) ? readBackends(context, name) : [];
}

/** Drops all but the first of rows with the same identity, or refuses them. */
export function distinct(rows: readonly Row[], duplicates: 'collapse' | 'error'): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const key = rowKey(row);
    if (!byKey.has(key)) byKey.set(key, row);
    else if (duplicates === 'error') {
      throw invalidParameter('The specified BackendServers is invalid: duplicated ServerID and Port.');
    }
  }
  return [...byKey.values()];
}

/** Every backend must exist, and an instance must run; the first violation refuses the whole call. */
export function checkServers(context: ActionContext, rows: readonly Row[]): void {
  const { inventory } = context.state;
  for (const row of rows) {
    if (row.type === 'ecs') {
      const status = inventory.instanceStatus(row.serverId);
      if (status === 'Missing') {
        throw new ApiError('InvalidServerId.NotFound', {
          message: `The specified ServerId ${row.serverId} does not exist.`,
        });
      }
      if (status === 'Stopped') throw new ApiError('ObtainIpFail');
    } else if (row.type === 'eni' && !inventory.acceptsEni(row.serverId, row.serverIp)) {
      throw new ApiError('ResourceNotFound.vServers', {
        message: `The specified network interface ${row.serverId} with address ${row.serverIp} does not exist.`,
      });
    }
  }
}

export function checkQuota(context: ActionContext, group: VServerGroup, added: number): void {
  const quota = context.semantics.backendsPerLoadBalancer;
  const { backendCount } = context.state.loadBalancer(group.loadBalancerId);
  if (quota > 0 && added > 0 && backendCount + added > quota) {
    throw new ApiError('InstanceBackendServerNumberOverLimit');
  }
}

/** The rows that an Add would actually add. */
export function newRows(rows: readonly Row[], group: VServerGroup, semantics: Semantics): Row[] {
  const fresh = rows.filter((row) => !group.row(rowKey(row)));
  if (fresh.length < rows.length && semantics.alreadyAttached === 'error') {
    throw invalidParameter('The specified BackendServers is invalid: a backend server is already attached.');
  }
  return fresh;
}

export function backendServersBody(group: VServerGroup, semantics: Semantics): Body {
  const number = (value: number): number | string => (semantics.numbersAsStrings ? String(value) : value);
  return {
    BackendServer: group.rows().map((row) => ({
      ServerId: row.serverId,
      ...(row.type === 'ecs' ? {} : { ServerIp: row.serverIp }),
      Port: number(row.port),
      Weight: number(row.weight),
      Type: row.type,
      ...(row.description === '' ? {} : { Description: row.description }),
    })),
  };
}
