import { describe, expect, test } from '@jest/globals';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import type { Simulator } from '../../../../simulator/simulator.ts';
import { TestClient, tcpBackend } from '../data-plane/backends.ts';
import { call, exchange, type Params, start } from '../harness.ts';

const LISTENER = { LoadBalancerId: 'lb-1', ListenerPort: '80' };
const TCP = { ...LISTENER, Bandwidth: '-1', VServerGroupId: 'rsp-0' };
const HTTP = { ...LISTENER, HealthCheck: 'on', StickySession: 'off', VServerGroupId: 'rsp-0' };

/** Not everyone who runs the tests may listen on port 80. */
const anyPort = () => start({ listenerPorts: 'any', forwarding: { propagationMs: 0 } });

async function ok(simulator: Simulator, action: string, params: Params) {
  const { status, json } = await call(simulator, action, params);
  expect([action, status, json.Code]).toEqual([action, 200, undefined]);
  return json;
}
const codeOf = async (simulator: Simulator, action: string, params: Params) => {
  const { status, json } = await call(simulator, action, params);
  return [status, json.Code];
};
const attributes = (simulator: Simulator, protocol: 'TCP' | 'HTTP') =>
  ok(simulator, `DescribeLoadBalancer${protocol}ListenerAttribute`, LISTENER);

test('a listener made by API is stopped, forwards once it was started, and not once it was stopped', async () => {
  const simulator = await anyPort();
  simulator.state.addRow('rsp-0', (await tcpBackend('a')).row);
  await ok(simulator, 'CreateLoadBalancerTCPListener', TCP);
  const [listener] = simulator.dataPlane.listeners;
  expect(listener).toMatchObject({ id: 'lb-1/tcp:80', port: 80, running: false });
  await ok(simulator, 'StartLoadBalancerListener', LISTENER);
  await waitUntil('a port', () => listener!.address);
  const { port } = listener!.address!;
  const client = new TestClient(port);
  await waitUntil('a name', () => client.received === 'a\n');
  await ok(simulator, 'StopLoadBalancerListener', { ...LISTENER, ListenerProtocol: 'tcp' });
  await waitUntil('the reset', () => client.end === 'ECONNRESET');
  const refused = new TestClient(port);
  await waitUntil('the refusal', () => refused.end === 'ECONNREFUSED');
  await ok(simulator, 'StartLoadBalancerListener', LISTENER);
  await waitUntil('the same port', async () => {
    const again = new TestClient(port);
    await waitUntil('an answer', () => again.received !== '' || again.end !== 'open');
    return again.received === 'a\n';
  });
  await ok(simulator, 'DeleteLoadBalancerListener', LISTENER);
  expect(simulator.dataPlane.listeners).toEqual([]);
  expect(await codeOf(simulator, 'StartLoadBalancerListener', LISTENER)).toEqual([404, 'ListenerNotFound']);
});

test('an HTTP listener made by API forwards requests as it is set, then as it was changed', async () => {
  const simulator = await anyPort();
  await ok(simulator, 'CreateLoadBalancerHTTPListener', { ...HTTP, HealthCheck: 'off' });
  await ok(simulator, 'StartLoadBalancerListener', LISTENER);
  await waitUntil('a port', () => simulator.dataPlane.listeners[0]!.address);
  const { port } = simulator.dataPlane.listeners[0]!.address!;
  expect((await exchange(`http://127.0.0.1:${port}`)).status).toBe(503);
  simulator.state.createGroup('rsp-1', 'lb-1');
  const { row } = await tcpBackend('no http');
  simulator.state.addRow('rsp-1', row);
  await ok(simulator, 'SetLoadBalancerHTTPListenerAttribute', {
    ...LISTENER,
    VServerGroup: 'on',
    VServerGroupId: 'rsp-1',
  });
  expect((await exchange(`http://127.0.0.1:${port}`)).status).toBe(502);
  expect(simulator.dataPlane.failures.since(0)).toMatchObject([
    { cause: 'no-backend' },
    { cause: 'reset', row: { serverId: 'eni-no http' } },
  ]);
});

test('what was set for a TCP listener is told, the rest by its defaults; Set changes what it names', async () => {
  const simulator = await anyPort();
  await ok(simulator, 'CreateLoadBalancerTCPListener', TCP);
  expect(await attributes(simulator, 'TCP')).toMatchObject({
    ListenerPort: 80,
    Status: 'stopped',
    Bandwidth: -1,
    Scheduler: 'wrr',
    VServerGroupId: 'rsp-0',
    PersistenceTimeout: 0,
    EstablishedTimeout: 900,
    ConnectionDrain: 'off',
    HealthCheck: 'on',
    HealthCheckType: 'tcp',
    HealthCheckConnectTimeout: 5,
    HealthCheckInterval: 2,
    HealthyThreshold: 3,
    UnhealthyThreshold: 3,
  });
  await ok(simulator, 'SetLoadBalancerTCPListenerAttribute', {
    ...LISTENER,
    Scheduler: 'sch',
    ConnectionDrain: 'on',
    ConnectionDrainTimeout: '300',
    PersistenceTimeout: '60',
    HealthCheckType: 'http',
    HealthCheckURI: '/healthz',
    HealthCheckHttpCode: 'http_2xx,http_3xx',
    healthCheckInterval: '7',
    Description: 'k8s/80/web/shop/c1',
  });
  const changed = {
    Scheduler: 'sch',
    Description: 'k8s/80/web/shop/c1',
    ConnectionDrain: 'on',
    ConnectionDrainTimeout: 300,
    PersistenceTimeout: 60,
    HealthCheckType: 'http',
    HealthCheckURI: '/healthz',
    HealthCheckHttpCode: 'http_2xx,http_3xx',
    HealthCheckInterval: 7,
    HealthyThreshold: 3,
  };
  expect(await attributes(simulator, 'TCP')).toMatchObject(changed);
  await ok(simulator, 'SetLoadBalancerTCPListenerAttribute', { ...LISTENER, ConnectionDrain: 'off' });
  const { ConnectionDrainTimeout, ...kept } = changed;
  const drained = await attributes(simulator, 'TCP');
  expect(drained).toMatchObject({ ...kept, ConnectionDrain: 'off' });
  expect(drained).not.toHaveProperty('ConnectionDrainTimeout');
});

test('what was set for an HTTP listener is told, the rest by its defaults', async () => {
  const simulator = await anyPort();
  const set = {
    CookieTimeout: '500',
    StickySession: 'on',
    StickySessionType: 'insert',
    RequestTimeout: '180',
  };
  await ok(simulator, 'CreateLoadBalancerHTTPListener', { ...HTTP, ...set });
  expect(await attributes(simulator, 'HTTP')).toMatchObject({
    StickySession: 'on',
    StickySessionType: 'insert',
    CookieTimeout: 500,
    IdleTimeout: 15,
    RequestTimeout: 180,
    HealthCheck: 'on',
    HealthCheckMethod: 'head',
    HealthCheckTimeout: 5,
    HealthCheckInterval: 2,
    HealthCheckHttpCode: 'http_2xx',
  });
});

test('listeners are listed by load balancer, protocol and port, in pages, each with its configuration', async () => {
  const simulator = await start({ listenerPorts: 'any', loadBalancers: ['lb-1', 'lb-2'] });
  for (const port of ['80', '81', '82']) {
    await ok(simulator, 'CreateLoadBalancerTCPListener', { ...TCP, ListenerPort: port });
  }
  await ok(simulator, 'CreateLoadBalancerHTTPListener', { ...HTTP, ListenerPort: '8080' });
  const { VServerGroupId: _, ...other } = { ...HTTP, LoadBalancerId: 'lb-2', BackendServerPort: '80' };
  await ok(simulator, 'CreateLoadBalancerHTTPListener', other);
  const list = (params: Params) => ok(simulator, 'DescribeLoadBalancerListeners', params);
  const ports = ({ Listeners }: { Listeners: { ListenerPort: number }[] }) =>
    Listeners.map(({ ListenerPort }) => ListenerPort);
  expect(ports(await list({}))).toEqual([80, 81, 82, 8080, 80]);
  expect(ports(await list({ 'LoadBalancerId.1': 'lb-2' }))).toEqual([80]);
  expect(ports(await list({ ListenerProtocol: 'http', ListenerPort: '8080' }))).toEqual([8080]);
  const first = await list({ 'LoadBalancerId.1': 'lb-1', MaxResults: '3' });
  expect(first).toMatchObject({
    TotalCount: 4,
    MaxResults: 3,
    NextToken: '3',
    Listeners: [
      {
        LoadBalancerId: 'lb-1',
        ListenerProtocol: 'tcp',
        Status: 'stopped',
        TCPListenerConfig: { HealthCheck: 'on', EstablishedTimeout: 900 },
      },
      {},
      {},
    ],
  });
  const rest = await list({ 'LoadBalancerId.1': 'lb-1', MaxResults: '3', NextToken: first.NextToken });
  expect(ports(rest)).toEqual([8080]);
  expect(rest).not.toHaveProperty('NextToken');
});

describe('a listener is refused', () => {
  const CREATE = 'CreateLoadBalancerTCPListener';
  test.each<[what: string, action: string, params: Params, status: number, code: string]>([
    ['without port', CREATE, { LoadBalancerId: 'lb-1' }, 400, 'MissingParameter'],
    ['without group or backend port', CREATE, { ...LISTENER, Bandwidth: '-1' }, 400, 'MissingParameter'],
    ['without HealthCheck', 'CreateLoadBalancerHTTPListener', TCP, 400, 'MissingParameter'],
    ['on no port', CREATE, { ...TCP, ListenerPort: '0' }, 400, 'InvalidParameter'],
    [
      'before a group that is not there',
      CREATE,
      { ...TCP, VServerGroupId: 'rsp-9' },
      404,
      'InvalidParameter',
    ],
    [
      'before a group of another load balancer',
      CREATE,
      { ...TCP, VServerGroupId: 'rsp-2' },
      404,
      'InvalidParameter',
    ],
    ['with a drain of unknown time', CREATE, { ...TCP, ConnectionDrain: 'on' }, 400, 'MissingParameter'],
    [
      'with a drain of 5 s',
      CREATE,
      { ...TCP, ConnectionDrain: 'on', ConnectionDrainTimeout: '5' },
      400,
      'InvalidParameter',
    ],
    ['with a threshold of 1', CREATE, { ...TCP, UnhealthyThreshold: '1' }, 400, 'InvalidParameter'],
    ['with an unknown scheduler', CREATE, { ...TCP, Scheduler: 'random' }, 400, 'InvalidParameter'],
    ['with what is not played', CREATE, { ...TCP, AclStatus: 'on' }, 400, 'UnsupportedOperation'],
    [
      'with two kinds of groups',
      CREATE,
      { ...TCP, MasterSlaveServerGroupId: 'rsp-1' },
      400,
      'Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch',
    ],
    ['of another region', CREATE, { ...TCP, RegionId: 'cn-beijing' }, 400, 'InvalidParameter'],
    [
      'of a load balancer that is not there',
      CREATE,
      { ...TCP, LoadBalancerId: 'lb-9' },
      404,
      'InvalidLoadBalancerId.NotFound',
    ],
    ['by Start where there is none', 'StartLoadBalancerListener', LISTENER, 404, 'ListenerNotFound'],
    ['by Set where there is none', 'SetLoadBalancerTCPListenerAttribute', LISTENER, 404, 'ListenerNotFound'],
  ])('%s', async (_, action, params, status, code) => {
    const simulator = await start({
      loadBalancers: ['lb-1', 'lb-2'],
      groups: ['rsp-0', { id: 'rsp-2', loadBalancer: 'lb-2' }],
    });
    expect(await codeOf(simulator, action, params)).toEqual([status, code]);
    expect(simulator.dataPlane.listeners).toEqual([]);
  });

  test('on a port that has one, whatever its protocol', async () => {
    const simulator = await anyPort();
    await ok(simulator, CREATE, TCP);
    expect(await codeOf(simulator, CREATE, TCP)).toEqual([400, 'ListenerAlreadyExists']);
    expect(await codeOf(simulator, 'CreateLoadBalancerHTTPListener', HTTP)).toEqual([
      400,
      'ListenerAlreadyExists',
    ]);
  });

  test('while the load balancer is busy or not active', async () => {
    const simulator = await start({ loadBalancerBusyMs: 60_000, listenerPorts: 'any' });
    await ok(simulator, CREATE, TCP);
    expect(await codeOf(simulator, 'StartLoadBalancerListener', LISTENER)).toEqual([
      409,
      'BackendServer.configuring',
    ]);
    simulator.state.loadBalancer('lb-1').status = 'locked';
    expect(await codeOf(simulator, 'DeleteLoadBalancerListener', LISTENER)).toEqual([
      400,
      'LbStatusNotSupport',
    ]);
  });
});

test('a group that stands behind a listener made by API cannot be deleted', async () => {
  const simulator = await anyPort();
  await ok(simulator, 'CreateLoadBalancerTCPListener', TCP);
  expect(await codeOf(simulator, 'DeleteVServerGroup', { VServerGroupId: 'rsp-0' })).toEqual([
    400,
    'RspoolVipExist',
  ]);
});

test('a listener made by API whose port is taken says so on stderr, and forwards nothing', async () => {
  const simulator = await start();
  const { port } = new URL(simulator.url);
  const complaints: string[] = [];
  const write = console.error;
  console.error = (text: string) => complaints.push(text);
  try {
    const listener = { ...LISTENER, ListenerPort: port };
    await ok(simulator, 'CreateLoadBalancerTCPListener', { ...TCP, ...listener });
    await ok(simulator, 'StartLoadBalancerListener', listener);
    await waitUntil('the complaint', () => complaints.length > 0);
  } finally {
    console.error = write;
  }
  expect(complaints).toEqual([
    expect.stringMatching(/^slb-simulator: listener lb-1\/tcp:\d+ forwards nothing: listen EADDRINUSE/),
  ]);
  expect(simulator.dataPlane.listeners[0]!.running).toBe(false);
});
