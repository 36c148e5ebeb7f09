import { Agent } from 'node:http';
import { expect, test } from '@jest/globals';
import type { FaultKind } from '../../../simulator/faults.ts';
import { call, eni, exchange, start, write } from './harness.ts';

const ADD = 'AddVServerGroupBackendServers';

test.each([
  ['error', { code: 'ServiceIsConfiguring' }, 400, 'ServiceIsConfiguring'],
  ['error', { code: 'SystemBusy' }, 449, 'SystemBusy'],
  ['http-503', {}, 503, 'ServiceUnavailable'],
] as const)('%s %j refuses the call without carrying it out', async (kind, more, status, code) => {
  const simulator = await start({ faults: [{ kind, action: ADD, times: 1, ...more }] });
  expect(await write(simulator, 'Add', [eni(1)])).toMatchObject({ status, json: { Code: code } });
  expect(simulator.state.group('rsp-0').rows()).toEqual([]);
  expect((await write(simulator, 'Add', [eni(1)])).status).toBe(200);
});

test('error can carry a message, a status and x-acs-retry-after', async () => {
  const simulator = await start({
    faults: [{ kind: 'error', code: 'Throttling', retryAfterMs: 700, httpStatus: 429, message: 'slow down' }],
  });
  const reply = await write(simulator, 'Add', [eni(1)]);
  expect(reply).toMatchObject({ status: 429, json: { Code: 'Throttling', Message: 'slow down' } });
  expect(reply.headers['x-acs-retry-after']).toBe('700');
});

test('html-502 is a page of a proxy', async () => {
  const simulator = await start({ faults: [{ kind: 'html-502' }] });
  const reply = await write(simulator, 'Add', [eni(1)]);
  expect(reply.status).toBe(502);
  expect(reply.text).toContain('<html>');
});

test('json-500 has no Code', async () => {
  const simulator = await start({ faults: [{ kind: 'json-500' }] });
  const reply = await write(simulator, 'Add', [eni(1)]);
  expect(reply.status).toBe(500);
  expect(Object.keys(reply.json)).toEqual(['RequestId', 'Message']);
});

test.each([
  ['reset', /ECONNRESET|socket hang up/, 0],
  ['applied-no-reply', /ECONNRESET|socket hang up/, 1],
  ['half-body', /aborted|ECONNRESET/, 1],
] as const)(
  '%s breaks the connection; the journal tells whether the call was carried out',
  async (kind, error, rows) => {
    const simulator = await start({ faults: [{ kind, times: 1 }] });
    await expect(write(simulator, 'Add', [eni(1)])).rejects.toThrow(error);
    expect(simulator.state.group('rsp-0').rows()).toHaveLength(rows);
    expect(simulator.journal).toMatchObject([{ code: kind, httpStatus: 0, applied: rows === 1, count: 1 }]);
  },
);

test.each([
  ['hang', 0],
  ['applied-hang', 1],
] as const)('%s never answers until the simulator is closed', async (kind, rows) => {
  const simulator = await start({ faults: [{ kind }] });
  const pending = write(simulator, 'Add', [eni(1)]).then(
    () => 'answered',
    () => 'closed',
  );
  await simulator.journal.waitFor((entry) => entry.code === kind);
  expect(simulator.state.group('rsp-0').rows()).toHaveLength(rows);
  await simulator.close();
  expect(await pending).toBe('closed');
});

test('stale-close answers, and resets the connection when it is used again', async () => {
  const simulator = await start({ faults: [{ kind: 'stale-close', times: 1 }] });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const read = () => call(simulator, 'DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-0' }, { agent });
  expect((await read()).status).toBe(200);
  await expect(read()).rejects.toThrow(/ECONNRESET|socket hang up/);
  expect((await read()).status).toBe(200);
  expect(simulator.journal.map((entry) => entry.code)).toEqual(['OK', 'stale-close', 'OK']);
  agent.destroy();
});

test('delay holds the reply back and nothing else', async () => {
  const simulator = await start({ faults: [{ kind: 'delay', delayMs: 30 }] });
  expect((await write(simulator, 'Add', [eni(1)])).status).toBe(200);
  expect(simulator.journal[0]!.durationMs).toBeGreaterThanOrEqual(29);
});

test('a rule can be for one action, one group, a predicate, and so many calls', async () => {
  const simulator = await start({ groups: ['rsp-0', 'rsp-1'] });
  simulator.faults.add({
    kind: 'error',
    code: 'OperationBusy',
    action: ADD,
    group: 'rsp-1',
    times: 2,
    when: (c) => c.backends.length > 1,
  });
  const two = [eni(1), eni(2)];
  expect((await write(simulator, 'Add', two)).status).toBe(200);
  expect((await write(simulator, 'Remove', two, 'rsp-1')).status).toBe(200);
  expect((await write(simulator, 'Add', [eni(1)], 'rsp-1')).status).toBe(200);
  const codes = [];
  for (let n = 0; n < 3; n++) codes.push((await write(simulator, 'Add', two, 'rsp-1')).json.Code);
  expect(codes).toEqual(['OperationBusy', 'OperationBusy', undefined]);
});

test('a share of the calls is hit, the same ones for the same seed', async () => {
  const run = async (seed: number): Promise<string> => {
    const simulator = await start({
      seed,
      faults: [{ kind: 'error', code: 'OperationBusy', probability: 0.3 }],
    });
    for (let n = 0; n < 40; n++) await write(simulator, 'Remove', [eni(1)]);
    return simulator.journal.map((entry) => (entry.code === 'OK' ? '.' : 'x')).join('');
  };
  const [first, again, other] = await Promise.all([run(7), run(7), run(8)]);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
  const hits = first.replaceAll('.', '').length;
  expect(hits).toBeGreaterThan(3);
  expect(hits).toBeLessThan(25);
});

test('the group can be deleted while calls are under way', async () => {
  const simulator = await start();
  simulator.faults.hook({ action: ADD, before: () => simulator.state.deleteGroup('rsp-0') });
  expect((await write(simulator, 'Add', [eni(1)])).status).toBe(404);
});

test('hooks run before and after the effect of a call, and can make it fail', async () => {
  const simulator = await start();
  const seen: string[] = [];
  const rows = () => simulator.state.group('rsp-0').rows().length;
  const remove = simulator.faults.hook({
    action: ADD,
    before: (c) => void seen.push(`before ${c.group} ${rows()}`),
    after: async (c) => void seen.push(`after ${c.group} ${rows()}`),
  });
  await write(simulator, 'Add', [eni(1)]);
  expect(seen).toEqual(['before rsp-0 0', 'after rsp-0 1']);
  remove();
  simulator.faults.hook({ before: () => ({ kind: 'error', code: 'Forbidden.RAM' }) });
  expect((await write(simulator, 'Add', [eni(1)])).status).toBe(403);
});

test.each([
  ['before', 0],
  ['after', 1],
] as const)('a gate holds calls %s they take effect until it is released', async (at, rows) => {
  const simulator = await start();
  const gate = simulator.faults.pause({ action: ADD, at });
  const held = write(simulator, 'Add', [eni(1)]);
  expect(await gate.waitForHeld()).toMatchObject([{ action: ADD, group: 'rsp-0' }]);
  expect(simulator.state.group('rsp-0').rows()).toHaveLength(rows);
  expect((await write(simulator, 'Remove', [eni(9)])).status).toBe(200);
  gate.release();
  expect((await held).status).toBe(200);
  expect((await write(simulator, 'Add', [eni(2)])).status).toBe(200);
});

test('a rule that makes no sense is refused when it is added', async () => {
  const simulator = await start();
  expect(() => simulator.faults.add({ kind: 'nonsense' as FaultKind })).toThrow(/kind must be one of error/);
  expect(() => simulator.faults.add({ kind: 'error' })).toThrow(/needs a code/);
  expect(() => simulator.faults.add({ kind: 'delay' })).toThrow(/needs delayMs/);
  expect(() => simulator.faults.add({ kind: 'hang', probability: 2 })).toThrow(/between 0 and 1/);
  expect(() => simulator.faults.add({ kind: 'hang', times: 0 })).toThrow(/whole number/);
});

test('faults are added, listed and removed over HTTP', async () => {
  const simulator = await start();
  const path = '/_faults';
  const added = await exchange(simulator.url, {
    method: 'POST',
    path,
    body: JSON.stringify({ kind: 'error', code: 'OperationBusy', times: 5 }),
  });
  expect((await write(simulator, 'Add', [eni(1)])).json.Code).toBe('OperationBusy');
  expect((await exchange(simulator.url, { path })).json).toMatchObject({
    seed: 1,
    faults: [{ id: added.json.ids[0], hits: 1 }],
  });
  await exchange(simulator.url, { method: 'DELETE', path: `${path}?id=${added.json.ids[0]}` });
  expect((await write(simulator, 'Add', [eni(1)])).status).toBe(200);
  const bad = await exchange(simulator.url, { method: 'POST', path, body: '{"kind":"x"}' });
  expect(bad).toMatchObject({ status: 400, json: { error: expect.stringContaining('kind must be') } });
});

test('calls are held and released over HTTP', async () => {
  const simulator = await start();
  await exchange(simulator.url, { method: 'POST', path: '/_pause', body: JSON.stringify({ action: ADD }) });
  const held = write(simulator, 'Add', [eni(1)]);
  let seen: unknown[] = [];
  while (seen.length === 0) seen = (await exchange(simulator.url, { path: '/_pause' })).json.held;
  expect(seen).toEqual([{ seq: 1, action: ADD, group: 'rsp-0' }]);
  await exchange(simulator.url, { method: 'DELETE', path: '/_pause' });
  expect((await held).status).toBe(200);
});
