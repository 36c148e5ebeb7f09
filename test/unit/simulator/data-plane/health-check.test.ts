import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import { HealthCheck } from '../../../../simulator/data-plane/health-check.ts';
import type { ListenerOptions } from '../../../../simulator/data-plane/listener-options.ts';
import { DEFAULT_HEALTH_CHECK } from '../../../../simulator/state/listeners.ts';
import { call } from '../harness.ts';
import { deadRow, freePort, HOST, httpBackend, TestClient, tcpBackend, withListener } from './backends.ts';

describe('a health check with the defaults of the vendor', () => {
  const checked = (passes: () => boolean, timeoutMs = 0) => {
    const clock = new FakeClock();
    const changes: [health: string, at: number][] = [];
    const startedAt: number[] = [];
    const check = new HealthCheck({
      clock,
      configuration: () => DEFAULT_HEALTH_CHECK,
      probe: () => {
        startedAt.push(clock.now());
        const passed = passes();
        return new Promise((resolve) => clock.setTimeout(() => resolve(passed), timeoutMs));
      },
      onChange: (health) => changes.push([health, clock.now()]),
    });
    return { clock, check, changes, startedAt };
  };

  test('knows after three passes, the first at once, the others 2 s apart', async () => {
    const { clock, check, changes } = checked(() => true);
    await clock.advance(3999);
    expect(check.health).toBe('unavailable');
    await clock.advance(1);
    expect(changes).toEqual([['normal', 4000]]);
  });

  test('notices after 19 s a backend that does not answer: 3 time-outs of 5 s, 2 intervals of 2 s', async () => {
    const { clock, changes } = checked(() => false, 5000);
    await clock.advance(60_000);
    expect(changes).toEqual([['abnormal', 19_000]]);
  });

  test('is not moved by fewer equal results in a row than the threshold', async () => {
    const results = [true, true, true, false, false, true, false, false, false];
    const { clock, changes, startedAt } = checked(() => results.shift() ?? false);
    await clock.advance(16_000);
    expect(changes).toEqual([
      ['normal', 4000],
      ['abnormal', 16_000],
    ]);
    expect(startedAt).toHaveLength(9);
  });

  test('stopped, checks no more', async () => {
    const { clock, check, startedAt } = checked(() => true);
    await clock.advance(0);
    check.stop();
    await clock.advance(60_000);
    expect(startedAt).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});

const healthCheck = (check: object = {}) =>
  ({ intervalMs: 5, timeoutMs: 1000, healthyThreshold: 2, unhealthyThreshold: 2, ...check }) as const;

/** The result of DescribeHealthStatus for the first listener's rows, by server. */
async function statuses(simulator: { url: string }): Promise<Record<string, string>> {
  const { json } = await call(simulator, 'DescribeHealthStatus', { LoadBalancerId: 'lb-1' });
  return Object.fromEntries(
    json.BackendServers.BackendServer.map((row: Record<string, string>) => [
      row['ServerId'],
      row['ServerHealthStatus'],
    ]),
  );
}

async function reach(simulator: Awaited<ReturnType<typeof withListener>>): Promise<string> {
  const client = new TestClient(simulator.dataPlane.listeners[0]!.port);
  await waitUntil('an answer', () => client.received !== '' || client.end !== 'open', { intervalMs: 2 });
  return client.received.trim() || client.end;
}

test('a row that listens becomes normal, one that does not abnormal and gets nothing; back, it gets its share again', async () => {
  const [a, b] = [await tcpBackend('a'), await tcpBackend('b')];
  await b.stopListening();
  const simulator = await withListener({ healthCheck: healthCheck() }, [a.row, b.row]);
  await waitUntil('both known', async () => {
    const { 'eni-a': one, 'eni-b': other } = await statuses(simulator);
    return one === 'normal' && other === 'abnormal';
  });
  expect([await reach(simulator), await reach(simulator)]).toEqual(['a', 'a']);
  await a.stopListening();
  await waitUntil('both abnormal', async () => (await statuses(simulator))['eni-a'] === 'abnormal');
  expect(await reach(simulator)).toBe('ECONNRESET');
  expect(simulator.dataPlane.failures.since(0).at(-1)).toMatchObject({ cause: 'no-backend' });
  await b.listenAgain();
  await waitUntil('one normal again', async () => (await statuses(simulator))['eni-b'] === 'normal');
  expect(await reach(simulator)).toBe('b');
});

test('all rows get requests when none is healthy, where that is asked for', async () => {
  const a = await tcpBackend('a');
  const wrong = healthCheck({ port: await freePort() });
  const simulator = await withListener({ healthCheck: wrong, whenAllUnhealthy: 'all' }, [a.row]);
  await waitUntil('abnormal', async () => (await statuses(simulator))['eni-a'] === 'abnormal');
  expect(await reach(simulator)).toBe('a');
});

describe('a new row whose health is not known', () => {
  const unknown = async (options: Partial<ListenerOptions>) =>
    withListener({ healthCheck: {}, ...options }, [(await tcpBackend('a')).row], { clock: new FakeClock() });

  test('is unavailable, and used', async () => {
    const simulator = await unknown({});
    expect(await statuses(simulator)).toEqual({ 'eni-a': 'unavailable' });
    expect(await reach(simulator)).toBe('a');
  });

  test('is not used where that is asked for', async () => {
    expect(await reach(await unknown({ beforeFirstCheck: 'unused' }))).toBe('ECONNRESET');
  });
});

test('a row with weight 0 counts as healthy; without a health check every row does', async () => {
  const row = await deadRow('a');
  const clock = new FakeClock();
  expect(await statuses(await withListener({ healthCheck: {} }, [{ ...row, weight: 0 }], { clock }))).toEqual(
    {
      'eni-a': 'normal',
    },
  );
  expect(await statuses(await withListener({ healthCheck: false }, [row], { clock }))).toEqual({
    'eni-a': 'normal',
  });
});

test('with connection drain, connections of a row that stays unhealthy are reset when its time is over', async () => {
  const a = await tcpBackend('a');
  const simulator = await withListener({ healthCheck: healthCheck(), drainMs: 20 }, [a.row]);
  const client = new TestClient(simulator.dataPlane.listeners[0]!.port);
  await waitUntil('a name', () => client.received !== '');
  await a.stopListening();
  await waitUntil('the reset', () => client.end !== 'open');
  expect(simulator.dataPlane.failures.since(0)).toMatchObject([{ cause: 'drained' }]);
});

test('health checks that are switched off and on by API end and begin', async () => {
  const clock = new FakeClock();
  const row = await deadRow('a');
  const simulator = await withListener({ healthCheck: {} }, [row], { clock });
  const { port } = simulator.dataPlane.listeners[0]!;
  const set = async (HealthCheckSwitch: string) => {
    const params = { LoadBalancerId: 'lb-1', ListenerPort: String(port), HealthCheckSwitch };
    expect((await call(simulator, 'SetLoadBalancerTCPListenerAttribute', params)).status).toBe(200);
  };
  await set('off');
  expect(await statuses(simulator)).toEqual({ 'eni-a': 'normal' });
  await clock.advance(10_000);
  expect(clock.pending).toBe(0);
  await set('on');
  expect(await statuses(simulator)).toEqual({ 'eni-a': 'unavailable' });
  await waitUntil('abnormal', async () => {
    await clock.advance(2000);
    return (await statuses(simulator))['eni-a'] === 'abnormal';
  });
});

describe('a health check by HTTP', () => {
  const answering = async (status: number, check: object) => {
    const asked: string[] = [];
    const backend = await httpBackend('a', ({ method, url, headers }, response) => {
      asked.push(`${method} ${url} ${headers.host}`);
      response.writeHead(status).end();
    });
    const simulator = await withListener({ protocol: 'http', healthCheck: healthCheck(check) }, [
      backend.row,
    ]);
    await waitUntil('known', async () => (await statuses(simulator))['eni-a'] !== 'unavailable');
    return { health: (await statuses(simulator))['eni-a'], asked: asked[0] };
  };

  test('asks by HEAD for /, and takes 2xx', async () => {
    expect(await answering(204, {})).toEqual({ health: 'normal', asked: `HEAD / ${HOST}` });
    expect(await answering(302, {})).toMatchObject({ health: 'abnormal' });
  });

  test('has method, path, domain and codes set', async () => {
    const check = { method: 'GET', path: '/healthz', domain: 'shop.example', codes: ['http_3xx'] };
    expect(await answering(302, check)).toEqual({ health: 'normal', asked: 'GET /healthz shop.example' });
    expect(await answering(200, check)).toMatchObject({ health: 'abnormal' });
  });
});
