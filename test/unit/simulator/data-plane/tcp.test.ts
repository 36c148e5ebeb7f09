import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import type { ListenerOptions } from '../../../../simulator/data-plane/listener-options.ts';
import type { Simulator } from '../../../../simulator/simulator.ts';
import { type Backend, deadRow, HOST, TestClient, tcpBackend, withListener } from './backends.ts';

const portOf = (simulator: Simulator): number => simulator.dataPlane.listeners[0]!.port;
const countsOf = (simulator: Simulator, backend: Backend) =>
  simulator.dataPlane.listeners[0]!.rows().find(({ row }) => row.port === backend.port)!.counts;
const causes = (simulator: Simulator) => simulator.dataPlane.failures.since(0).map(({ cause }) => cause);

/** The backend that a new connection reaches, or how the connection ends. */
async function reach(simulator: Simulator): Promise<string> {
  const client = new TestClient(portOf(simulator));
  await waitUntil('an answer', () => client.received !== '' || client.end !== 'open', { intervalMs: 2 });
  const outcome = client.received === '' ? client.end : client.received.trim();
  client.socket.destroy();
  return outcome;
}

async function reachTimes(simulator: Simulator, times: number): Promise<string> {
  let reached = '';
  for (let i = 0; i < times; i++) reached += await reach(simulator);
  return reached;
}

/** A connection that has reached a row. */
async function connected(simulator: Simulator): Promise<TestClient> {
  const client = new TestClient(portOf(simulator));
  await waitUntil('a name', () => client.received !== '', { intervalMs: 2 });
  return client;
}

test('bytes go both ways, and each side may end first', async () => {
  const simulator = await withListener({}, [(await tcpBackend('a')).row]);
  const client = await connected(simulator);
  client.socket.end('hello');
  await waitUntil('the end', () => client.end === 'ended');
  expect(client.received).toBe('a\nhello');
  await waitUntil('nothing open', () => simulator.dataPlane.listeners[0]!.counts.active === 0);
  expect(simulator.dataPlane.listeners[0]!.counts).toMatchObject({ connections: 1, requests: 0 });
  expect(causes(simulator)).toEqual([]);
});

test('weights are kept exactly, and never many connections running to one row', async () => {
  const [a, b, c] = [await tcpBackend('a'), await tcpBackend('b'), await tcpBackend('c')];
  const rows = [
    { ...a.row, weight: 50 },
    { ...b.row, weight: 10 },
    { ...c.row, weight: 0 },
  ];
  const simulator = await withListener({}, rows);
  expect(await reachTimes(simulator, 6)).toBe('aaabaa');
  expect([a, b, c].map((backend) => countsOf(simulator, backend).connections)).toEqual([5, 1, 0]);
});

test('rr goes in turn whatever the weights; sch keeps a client address at one row', async () => {
  const rows = [
    { ...(await tcpBackend('a')).row, weight: 90 },
    { ...(await tcpBackend('b')).row, weight: 10 },
  ];
  expect([...(await reachTimes(await withListener({ scheduler: 'rr' }, rows), 4))].sort()).toEqual([
    'a',
    'a',
    'b',
    'b',
  ]);
  expect(await reachTimes(await withListener({ scheduler: 'sch' }, rows), 4)).toMatch(/^(a{4}|b{4})$/);
});

test('an ecs row is reached at the address of its instance and the port of the row, which is a node port', async () => {
  const backend = await tcpBackend('a');
  const row = { serverId: 'i-1', serverIp: '', port: backend.port };
  const known = await withListener({}, [row], { instanceAddresses: { 'i-1': HOST } });
  expect(await reach(known)).toBe('a');
  const unknown = await withListener({}, [row]);
  expect(await reach(unknown)).toBe('ECONNRESET');
  expect(causes(unknown)).toEqual(['unreachable']);
});

test('without a row the connection is reset, and the failure names no row', async () => {
  const simulator = await withListener({}, []);
  expect(await reach(simulator)).toBe('ECONNRESET');
  expect(simulator.dataPlane.failures.since(0)).toMatchObject([
    { seq: 1, cause: 'no-backend', listener: `lb-1/tcp:${portOf(simulator)}`, machine: 1, retried: false },
  ]);
});

describe('a refused connection to a row', () => {
  const rows = async () => [await deadRow('x'), (await tcpBackend('b')).row];

  test('is an error to the client', async () => {
    const simulator = await withListener({}, await rows());
    expect(await reach(simulator)).toBe('ECONNRESET');
    expect(simulator.dataPlane.failures.since(0)).toMatchObject([
      { cause: 'refused', row: { serverId: 'eni-x' }, believedWeight: 100, groupWeight: 100, retried: false },
    ]);
    expect(simulator.dataPlane.listeners[0]!.counts.failures.refused).toBe(1);
  });

  test('is followed by the next row where that is asked for; then only the row has failed', async () => {
    const simulator = await withListener({ afterRefusal: 'next' }, await rows());
    expect(await reach(simulator)).toBe('b');
    expect(simulator.dataPlane.failures.since(0)).toMatchObject([{ cause: 'refused', retried: true }]);
    expect(simulator.dataPlane.listeners[0]!.counts.failures.refused).toBe(0);
  });

  test('by every row ends as no-backend', async () => {
    const row = await deadRow('x');
    const simulator = await withListener({ afterRefusal: 'next' }, [row]);
    expect(await reach(simulator)).toBe('ECONNRESET');
    expect(causes(simulator)).toEqual(['refused', 'no-backend']);
  });
});

describe('an established connection', () => {
  const removed = async (options: Partial<ListenerOptions>, clock = new FakeClock()) => {
    const backend = await tcpBackend('a');
    const simulator = await withListener(options, [backend.row], { clock });
    const client = await connected(simulator);
    simulator.state.removeRow('rsp-0', backend.row);
    return { backend, simulator, client, clock };
  };
  const stillWorks = async (client: TestClient) => {
    client.socket.write('more');
    await waitUntil('an echo', () => client.received.endsWith('more'));
  };

  test('of a removed row is reset', async () => {
    const { client, simulator, backend } = await removed({});
    await waitUntil('the reset', () => client.end !== 'open');
    expect(client.end).toBe('ECONNRESET');
    expect(simulator.dataPlane.failures.since(0)).toMatchObject([{ cause: 'removed', believedWeight: 100 }]);
    expect(simulator.dataPlane.failures.since(0)[0]).not.toHaveProperty('groupWeight');
    await waitUntil('the backend knows', () => backend.sockets.size === 0);
  });

  test('of a removed row, over which the backend has said all, is left to end: nothing is missed', async () => {
    const backend = await tcpBackend('a');
    const simulator = await withListener({}, [backend.row]);
    const client = await connected(simulator);
    for (const socket of backend.sockets) socket.end('bye');
    await waitUntil('the end', () => client.end === 'ended');
    simulator.state.removeRow('rsp-0', backend.row);
    client.socket.end();
    await waitUntil('nothing open', () => backend.sockets.size === 0);
    expect([client.received, client.end, causes(simulator)]).toEqual(['a\nbye', 'ended', []]);
  });

  test('of a removed row goes on where that is asked for', async () => {
    const { client, simulator } = await removed({ onRemove: 'keep' });
    await stillWorks(client);
    expect(causes(simulator)).toEqual([]);
  });

  test('of a removed row is kept for the time of connection drain, and reset then', async () => {
    const { client, simulator, clock } = await removed({ drainMs: 10_000 });
    await clock.advance(9999);
    await stillWorks(client);
    await clock.advance(1);
    await waitUntil('the reset', () => client.end !== 'open');
    expect(client.end).toBe('ECONNRESET');
    expect(causes(simulator)).toEqual(['drained']);
  });

  test('of a row with weight 0 goes on, new ones do not get there', async () => {
    const [a, b] = [await tcpBackend('a'), await tcpBackend('b')];
    const simulator = await withListener({}, [a.row, { ...b.row, weight: 1 }]);
    const client = await connected(simulator);
    expect(client.received).toBe('a\n');
    simulator.state.addRow('rsp-0', { ...a.row, weight: 0 });
    expect(await reachTimes(simulator, 3)).toBe('bbb');
    await stillWorks(client);
  });

  test('that the backend resets is reset', async () => {
    const backend = await tcpBackend('a');
    const simulator = await withListener({}, [backend.row]);
    const client = await connected(simulator);
    for (const socket of backend.sockets) socket.resetAndDestroy();
    await waitUntil('the reset', () => client.end !== 'open');
    expect(client.end).toBe('ECONNRESET');
    expect(causes(simulator)).toEqual(['reset']);
    expect(countsOf(simulator, backend)).toMatchObject({ active: 0, failures: { reset: 1 } });
  });

  test('that the client resets is reset at the backend, and is no failure', async () => {
    const backend = await tcpBackend('a');
    const simulator = await withListener({}, [backend.row]);
    (await connected(simulator)).socket.resetAndDestroy();
    await waitUntil('the reset', () => backend.errors.length > 0);
    expect(backend.errors).toEqual(['ECONNRESET']);
    expect(causes(simulator)).toEqual([]);
  });

  test('without a byte for the idle time-out is reset', async () => {
    const simulator = await withListener({ idleMs: 20 }, [(await tcpBackend('a')).row]);
    const client = await connected(simulator);
    await waitUntil('the reset', () => client.end !== 'open');
    expect(causes(simulator)).toEqual(['idle']);
  });
});

describe('a client that sticks to a row (PersistenceTimeout)', () => {
  const sticking = async (options: Partial<ListenerOptions>) => {
    const [a, b] = [await tcpBackend('a'), await tcpBackend('b')];
    const clock = new FakeClock();
    const simulator = await withListener({ persistenceMs: 60_000, ...options }, [a.row, b.row], { clock });
    expect(await reachTimes(simulator, 3)).toBe('aaa');
    return { a, b, simulator, clock };
  };

  test('is sent anywhere again when the time is over', async () => {
    const { simulator, clock } = await sticking({});
    await clock.advance(60_001);
    expect(await reach(simulator)).toBe('b');
  });

  test('still gets there at weight 0', async () => {
    const { simulator, a } = await sticking({});
    simulator.state.addRow('rsp-0', { ...a.row, weight: 0 });
    expect(await reachTimes(simulator, 2)).toBe('aa');
  });

  test('leaves it at weight 0 where that is asked for', async () => {
    const { simulator, a } = await sticking({ stickyAtWeightZero: false });
    simulator.state.addRow('rsp-0', { ...a.row, weight: 0 });
    expect(await reachTimes(simulator, 2)).toBe('bb');
  });

  test('leaves a row that was removed', async () => {
    const { simulator, a } = await sticking({});
    simulator.state.removeRow('rsp-0', a.row);
    expect(await reachTimes(simulator, 2)).toBe('bb');
  });
});

test('closing the simulator ends every connection', async () => {
  const backend = await tcpBackend('a');
  const simulator = await withListener({}, [backend.row]);
  const client = await connected(simulator);
  await simulator.close();
  await waitUntil('the reset', () => client.end !== 'open');
  await waitUntil('the backend knows', () => backend.sockets.size === 0);
});

test('a port that is taken is an error of the start, and leaves nothing listening', async () => {
  const { port } = (await withListener({}, [])).dataPlane.listeners[0]!;
  await expect(withListener({ port }, [])).rejects.toThrow('EADDRINUSE');
});
