import { ApiError, groupNotFound, invalidParameter, missingParameter } from '../gateway/errors.ts';
import type { Body } from '../gateway/replies.ts';
import { repeatList } from '../gateway/request.ts';
import { defaultConfiguration, type Listener } from '../state/listeners.ts';
import type { LoadBalancer } from '../state/resources.ts';
import {
  type Action,
  type ActionContext,
  checkRegion,
  checkWritable,
  openBusyWindow,
  positiveInteger,
  required,
} from './action.ts';
import { attributesBody, listenerBody } from './listener-bodies.ts';
import { integer, readConfiguration } from './listener-parameters.ts';

export const listenerActions: Readonly<Record<string, Action>> = {
  CreateLoadBalancerTCPListener: { product: 'Slb', run: (context) => create(context, 'tcp') },
  CreateLoadBalancerHTTPListener: { product: 'Slb', run: (context) => create(context, 'http') },
  SetLoadBalancerTCPListenerAttribute: { product: 'Slb', run: (context) => setAttribute(context, 'tcp') },
  SetLoadBalancerHTTPListenerAttribute: { product: 'Slb', run: (context) => setAttribute(context, 'http') },
  StartLoadBalancerListener: { product: 'Slb', run: (context) => setStatus(context, 'running') },
  StopLoadBalancerListener: { product: 'Slb', run: (context) => setStatus(context, 'stopped') },
  DeleteLoadBalancerListener: { product: 'Slb', run: deleteListener },
  DescribeLoadBalancerListeners: { product: 'Slb', run: describeListeners },
  DescribeLoadBalancerTCPListenerAttribute: { product: 'Slb', run: (context) => describe(context, 'tcp') },
  DescribeLoadBalancerHTTPListenerAttribute: { product: 'Slb', run: (context) => describe(context, 'http') },
};

/** A new listener is stopped until StartLoadBalancerListener starts it. */
function create(context: ActionContext, protocol: 'tcp' | 'http'): Body {
  const { params, state } = context;
  const loadBalancer = loadBalancerOf(context);
  const port = portOf(context);
  if (protocol === 'http') required(params, 'HealthCheck');
  const configuration = readConfiguration(params, protocol, defaultConfiguration(protocol));
  const group = groupOf(context, loadBalancer);
  if (!group && !integer(params, 'BackendServerPort', 1, 65_535)) throw missingParameter('BackendServerPort');
  checkWritable(context, loadBalancer);
  // Only TCP and UDP may share a port.
  if (loadBalancer.listeners.some((other) => other.port === port && other.protocol !== 'udp')) {
    throw new ApiError('ListenerAlreadyExists');
  }
  const status = 'stopped';
  state.addListener(loadBalancer.id, { protocol, port, status, configuration, ...group });
  openBusyWindow(context, loadBalancer);
  return {};
}

function setAttribute(context: ActionContext, protocol: 'tcp' | 'http'): Body {
  const loadBalancer = loadBalancerOf(context);
  const listener = findListener(context, loadBalancer, protocol);
  const base = listener.configuration ?? defaultConfiguration(protocol);
  const configuration = readConfiguration(context.params, protocol, base);
  const group = groupOf(context, loadBalancer);
  checkWritable(context, loadBalancer);
  context.state.addListener(loadBalancer.id, { ...listener, configuration, ...group });
  openBusyWindow(context, loadBalancer);
  return {};
}

function setStatus(context: ActionContext, status: 'running' | 'stopped'): Body {
  const loadBalancer = loadBalancerOf(context);
  const listener = findListener(context, loadBalancer, context.params.get('ListenerProtocol'));
  checkWritable(context, loadBalancer);
  context.state.addListener(loadBalancer.id, { ...listener, status });
  openBusyWindow(context, loadBalancer);
  return {};
}

function deleteListener(context: ActionContext): Body {
  const loadBalancer = loadBalancerOf(context);
  const listener = findListener(context, loadBalancer, context.params.get('ListenerProtocol'));
  checkWritable(context, loadBalancer);
  context.state.removeListener(loadBalancer.id, listener);
  openBusyWindow(context, loadBalancer);
  return {};
}

function describe(context: ActionContext, protocol: 'tcp' | 'http'): Body {
  const loadBalancer = loadBalancerOf(context);
  return attributesBody(findListener(context, loadBalancer, protocol));
}

/** Lists the listeners of up to ten load balancers, or of all. NextToken is the number of listeners already returned. */
function describeListeners(context: ActionContext): Body {
  const { params, state } = context;
  const ids = repeatList(params, 'LoadBalancerId');
  if (ids.length > 10) throw invalidParameter('The specified LoadBalancerId is invalid: at most 10.');
  const maxResults = positiveInteger(params, 'MaxResults', { default: 20, max: 100 });
  const token = params.get('NextToken') || '0';
  if (!/^\d{1,9}$/.test(token)) throw invalidParameter('The specified NextToken is invalid.');
  const loadBalancers = ids.length > 0 ? ids.map((id) => state.loadBalancer(id)) : state.loadBalancers();
  const matches = (name: string, value: string): boolean => !params.get(name) || params.get(name) === value;
  const found = loadBalancers.flatMap((loadBalancer) => {
    checkRegion(params, loadBalancer.regionId, false);
    return loadBalancer.listeners
      .filter(({ protocol }) => matches('ListenerProtocol', protocol))
      .filter(({ port }) => matches('ListenerPort', String(port)))
      .filter(({ configuration }) => matches('Description', configuration?.description ?? ''))
      .map((listener) => listenerBody(loadBalancer.id, listener));
  });
  const end = Number(token) + maxResults;
  return {
    Listeners: found.slice(Number(token), end),
    TotalCount: found.length,
    MaxResults: maxResults,
    ...(end < found.length ? { NextToken: String(end) } : {}),
  };
}

function loadBalancerOf(context: ActionContext): LoadBalancer {
  const loadBalancer = context.state.loadBalancer(required(context.params, 'LoadBalancerId'));
  checkRegion(context.params, loadBalancer.regionId, false);
  return loadBalancer;
}

function portOf({ params }: ActionContext): number {
  required(params, 'ListenerPort');
  return integer(params, 'ListenerPort', 1, 65_535) as number;
}

function findListener(
  context: ActionContext,
  loadBalancer: LoadBalancer,
  protocol: string | undefined,
): Listener {
  const port = portOf(context);
  const [listener, another] = loadBalancer.listeners.filter(
    (other) => other.port === port && (!protocol || other.protocol === protocol.toLowerCase()),
  );
  if (!listener) throw new ApiError('ListenerNotFound');
  if (another) throw new ApiError('TooManyListeners');
  return listener;
}

/** The group that the call names, which must belong to the load balancer. */
function groupOf(
  { params, state }: ActionContext,
  { id }: LoadBalancer,
): { vServerGroupId: string } | undefined {
  const vServerGroupId = params.get('VServerGroupId');
  if (!vServerGroupId || params.get('VServerGroup') === 'off') return undefined;
  if (state.group(vServerGroupId).loadBalancerId !== id) throw groupNotFound();
  return { vServerGroupId };
}
