import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { CONSOLE_PATHS, sendConsoleFile } from './console.ts';
import { type EventSources, sendEvents } from './events.ts';
import type { FaultRule, Faults } from './faults.ts';
import type { Gate } from './gateway/gate.ts';
import { parseBackendServers, type Row } from './state/backend-servers.ts';

export interface ControlParts extends EventSources {
  readonly faults: Faults;
}

interface ControlRequest {
  readonly url: URL;
  readonly text: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

type Route = (call: ControlRequest) => unknown;

/** Returned by a route that has already sent its response. */
const ANSWERED = Symbol('answered');

/** The endpoints under `/_` and `/console`, for people and other processes. Requests are not signed. */
export function controlEndpoints(
  parts: ControlParts,
): (request: IncomingMessage, response: ServerResponse, text: string) => void {
  const routes = {
    ...consoleRoutes(),
    ...readRoutes(parts),
    ...trafficRoutes(parts),
    ...faultRoutes(parts),
    ...stateRoutes(parts),
  };
  return (request, response, text) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const reply = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
    };
    if (!isForNear(request)) {
      return reply(403, { error: 'control endpoints answer to an IP address or a name without dots only' });
    }
    const route = routes[`${request.method} ${url.pathname}`];
    if (!route) {
      return reply(404, {
        error: `no ${request.method} ${url.pathname} here`,
        endpoints: Object.keys(routes),
      });
    }
    try {
      const result = route({ url, text, request, response });
      if (result !== ANSWERED) reply(200, result);
    } catch (error) {
      reply(400, { error: error instanceof Error ? error.message : String(error) });
    }
  };
}

function consoleRoutes(): Record<string, Route> {
  const route =
    (name: string): Route =>
    ({ response }) => {
      sendConsoleFile(response, name);
      return ANSWERED;
    };
  return Object.fromEntries([...CONSOLE_PATHS].map(([path, name]) => [`GET ${path}`, route(name)]));
}

function readRoutes({ state, journal, ...others }: ControlParts): Record<string, Route> {
  return {
    'GET /_journal': ({ url }) => {
      const since = Number(url.searchParams.get('since') ?? 0);
      const limit = Number(url.searchParams.get('limit') ?? Infinity);
      const entries = journal.filter((entry) => entry.seq > since);
      return { entries: entries.slice(Math.max(0, entries.length - limit)) };
    },
    'DELETE /_journal': () => {
      journal.clear();
      return {};
    },
    'GET /_state': () => ({
      loadBalancers: state.loadBalancers().map(({ id, status, regionId, backendCount }) => ({
        id,
        status,
        regionId,
        backendCount,
      })),
      groups: state.groups().map((group) => ({
        id: group.id,
        name: group.name,
        loadBalancer: group.loadBalancerId,
        rows: group.rows(),
      })),
    }),
    'GET /_events': ({ response }) => {
      sendEvents(response, { state, journal, ...others });
      return ANSWERED;
    },
  };
}

function trafficRoutes({ dataPlane }: ControlParts): Record<string, Route> {
  const since = (url: URL): number => Number(url.searchParams.get('since') ?? 0);
  return {
    'GET /_listeners': () => ({
      listeners: dataPlane.listeners.map((listener) => {
        const { id, loadBalancer, protocol, port, group, running, address, counts } = listener;
        const rows = listener.rows();
        return { id, loadBalancer, protocol, port, group, running, address, counts, rows };
      }),
    }),
    'GET /_failures': ({ url }) => ({ failures: dataPlane.failures.since(since(url)) }),
    'GET /_beliefs': ({ url }) => ({ beliefs: dataPlane.beliefs.since(since(url)) }),
  };
}

function faultRoutes({ faults }: ControlParts): Record<string, Route> {
  const gates = new Set<Gate>();
  return {
    'GET /_faults': () => ({ seed: faults.seed, faults: faults.list() }),
    'POST /_faults': ({ text }) => ({ ids: list<FaultRule>(text).map((rule) => faults.add(rule)) }),
    'DELETE /_faults': ({ url }) => {
      const id = url.searchParams.get('id');
      if (id === null) faults.clear();
      else if (!faults.remove(Number(id))) throw new Error(`no fault ${id}`);
      return {};
    },
    'POST /_pause': ({ text }) => {
      const options = text === '' ? {} : (JSON.parse(text) as Parameters<Faults['pause']>[0]);
      gates.add(faults.pause(options));
      return {};
    },
    'GET /_pause': () => ({
      held: [...gates].flatMap((gate) => gate.held.map(({ seq, action, group }) => ({ seq, action, group }))),
    }),
    'DELETE /_pause': () => {
      for (const gate of gates) gate.release();
      gates.clear();
      return {};
    },
  };
}

/** Changes that someone else makes to the account behind the back of the client under test. */
function stateRoutes({ state }: ControlParts): Record<string, Route> {
  const change =
    (effect: (url: URL) => void): Route =>
    ({ url }) => {
      effect(url);
      return {};
    };
  const changeRows =
    (effect: (group: string, row: Row) => void): Route =>
    ({ url, text }) => {
      const group = parameter(url, 'group');
      for (const row of parseBackendServers(text)) effect(group, row);
      return { rows: state.group(group).rows() };
    };
  return {
    'POST /_state/load-balancers': change((url) => state.createLoadBalancer(parameter(url, 'id'))),
    'POST /_state/groups': change((url) =>
      state.createGroup(parameter(url, 'id'), parameter(url, 'load-balancer')),
    ),
    'DELETE /_state/groups': change((url) => state.deleteGroup(parameter(url, 'id'))),
    'POST /_state/rows': changeRows((group, row) => state.addRow(group, row)),
    'DELETE /_state/rows': changeRows((group, row) => state.removeRow(group, row)),
    'POST /_state/enis': change((url) => {
      const instanceId = url.searchParams.get('instance');
      state.setEni(parameter(url, 'ip'), parameter(url, 'eni'), instanceId === null ? {} : { instanceId });
    }),
    'POST /_state/prefixes': change((url) =>
      state.setPrefix(parameter(url, 'prefix'), parameter(url, 'eni')),
    ),
    'DELETE /_state/enis': change((url) =>
      state.removeEni(url.searchParams.get('ip') ?? parameter(url, 'eni')),
    ),
    'DELETE /_state/instances': change((url) => state.removeInstance(parameter(url, 'id'))),
  };
}

function parameter(url: URL, name: string): string {
  const value = url.searchParams.get(name);
  if (!value) throw new Error(`the query parameter ${name} is missing`);
  return value;
}

function list<T>(text: string): T[] {
  const value = JSON.parse(text) as T | T[];
  return Array.isArray(value) ? value : [value];
}

/**
 * Protects against DNS rebinding: a web page's host name contains dots, so only `localhost`, names without dots such as `slb`, and
 * addresses are allowed.
 */
function isForNear(request: IncomingMessage): boolean {
  const [, bracketed, name = ''] = /^(?:\[(.+)\]|([^:]+))(?::\d+)?$/.exec(request.headers.host ?? '') ?? [];
  return isIP(bracketed ?? name) !== 0 || /^[\w-]+$/.test(name);
}
