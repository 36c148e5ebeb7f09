import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Journal, type JournalEntry } from '../../../simulator/journal.ts';
import { call, eni, exchange, start, write } from './harness.ts';

test('each call is an entry with what it asked, what it got and when', async () => {
  const simulator = await start({ latencyMs: 20 });
  const before = Date.now();
  await write(simulator, 'Add', [
    { ...eni(1), Weight: 7 },
    { ServerId: 'i-1', Port: '81' },
  ]);
  const [entry] = simulator.journal;
  expect(entry).toEqual({
    seq: 1,
    time: expect.any(Number),
    arrivedAt: expect.any(Number),
    action: 'AddVServerGroupBackendServers',
    group: 'rsp-0',
    loadBalancer: 'lb-1',
    count: 2,
    backends: [
      { serverId: 'eni-1', serverIp: '10.0.0.1', port: 80, weight: 7 },
      { serverId: 'i-1', serverIp: '', port: 81, weight: 100 },
    ],
    code: 'OK',
    httpStatus: 200,
    durationMs: expect.any(Number),
    accessKeyId: 'testid',
    requestId: expect.any(String),
    applied: true,
  });
  expect(entry!.arrivedAt).toBeGreaterThanOrEqual(before - 1);
  expect(entry!.durationMs).toBeGreaterThanOrEqual(19);
  expect(entry!.time - entry!.arrivedAt).toBeCloseTo(entry!.durationMs, 3);
});

test('refused calls are entries with their code, unsigned ones too', async () => {
  const simulator = await start();
  await write(simulator, 'Remove', [eni(1)], 'rsp-9');
  await call(simulator, 'DescribeVServerGroups', {}, { secret: 'wrong' });
  await exchange(simulator.url);
  expect(simulator.journal.map(({ code, httpStatus, applied }) => [code, httpStatus, applied])).toEqual([
    ['InvalidParameter', 404, false],
    ['SignatureDoesNotMatch', 400, false],
    ['MissingParameter', 400, false],
  ]);
});

test('waitFor finds past and future entries, and says what came instead', async () => {
  const simulator = await start();
  const future = simulator.journal.waitFor((entry) => entry.group === 'rsp-0');
  await write(simulator, 'Remove', [eni(1)]);
  expect((await future).seq).toBe(1);
  expect((await simulator.journal.waitFor((entry) => entry.seq === 1)).group).toBe('rsp-0');
  await expect(simulator.journal.waitFor(() => false, 5)).rejects.toThrow(
    /no such call within 5 ms; 1 calls so far, the last: RemoveVServerGroupBackendServers rsp-0 OK/,
  );
  simulator.journal.clear();
  expect(simulator.journal).toHaveLength(0);
});

test('the journal keeps the latest entries and gives plain arrays', () => {
  const journal = new Journal({ limit: 10 });
  for (let seq = 1; seq <= 100; seq++) journal.record({ seq } as JournalEntry);
  expect(journal.length).toBeLessThanOrEqual(11);
  expect(journal.at(-1)?.seq).toBe(100);
  expect(journal.filter(() => true).constructor).toBe(Array);
});

test('the file holds one JSON line a call, and never a secret', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'slb-simulator-'));
  try {
    const journalFile = join(directory, 'journal.ndjson');
    const accessKeys = [{ id: 'testid', secret: 'testsecret', securityToken: 'token-1' }];
    const simulator = await start({ journalFile, accessKeys });
    const params = { VServerGroupId: 'rsp-0', SecurityToken: 'token-1' };
    for (let n = 0; n < 3; n++) await call(simulator, 'DescribeVServerGroupAttribute', params);
    await simulator.close();
    const text = await readFile(journalFile, 'utf8');
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries.map((entry) => [entry.seq, entry.code])).toEqual([
      [1, 'OK'],
      [2, 'OK'],
      [3, 'OK'],
    ]);
    expect(text).not.toMatch(/token-1|testsecret|[Ss]ignature/);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a call that is held when the simulator is closed does no harm to the file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'slb-simulator-'));
  try {
    const simulator = await start({ journalFile: join(directory, 'journal.ndjson') });
    const gate = simulator.faults.pause();
    const held = expect(write(simulator, 'Add', [eni(1)])).rejects.toThrow();
    await gate.waitForHeld();
    await simulator.close();
    await held;
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a journal file that cannot be opened is told at the start', async () => {
  await expect(start({ journalFile: '/nonexistent/journal.ndjson' })).rejects.toThrow(
    /ENOENT.*journal.ndjson/,
  );
});

test('journal and state are read over HTTP, unsigned', async () => {
  const simulator = await start();
  await write(simulator, 'Add', [eni(1)]);
  await write(simulator, 'Add', [eni(2)]);
  const since = await exchange(simulator.url, { path: '/_journal?since=1' });
  expect(since.json.entries).toMatchObject([{ seq: 2, count: 1 }]);
  const state = await exchange(simulator.url, { path: '/_state' });
  expect(state.json).toMatchObject({
    loadBalancers: [{ id: 'lb-1', backendCount: 2 }],
    groups: [{ id: 'rsp-0', loadBalancer: 'lb-1', rows: [{ serverId: 'eni-1' }, { serverId: 'eni-2' }] }],
  });
});

test('events tell calls and changes as they happen', async () => {
  const simulator = await start();
  let text = '';
  const seen = Promise.withResolvers<void>();
  const connected = Promise.withResolvers<void>();
  const stream = get(new URL('/_events', simulator.url), (response) => {
    response.on('error', () => {});
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      connected.resolve();
      if (text.includes('event: call')) seen.resolve();
    });
  });
  stream.on('error', () => {});
  await connected.promise;
  await write(simulator, 'Add', [eni(1)]);
  await seen.promise;
  expect(text).toMatch(/event: change\ndata: \{"kind":"row-added","group":"rsp-0"/);
  expect(text).toMatch(/event: call\ndata: \{"seq":1,/);
  stream.destroy();
});

test('someone else changes the account by hand', async () => {
  const simulator = await start();
  const post = (path: string, body = '') => exchange(simulator.url, { method: 'POST', path, body });
  const remove = (path: string, body = '') => exchange(simulator.url, { method: 'DELETE', path, body });
  await post('/_state/load-balancers?id=lb-2');
  await post('/_state/groups?id=rsp-1&load-balancer=lb-2');
  await post('/_state/rows?group=rsp-1', JSON.stringify([eni(1), eni(2)]));
  await remove('/_state/rows?group=rsp-1', JSON.stringify([eni(1)]));
  expect(simulator.state.group('rsp-1').rows()).toMatchObject([{ serverId: 'eni-2' }]);
  await post('/_state/enis?ip=10.0.0.7&eni=eni-b&instance=i-b');
  expect(simulator.state.inventory.eniOfIp('10.0.0.7')).toMatchObject({ id: 'eni-b', instanceId: 'i-b' });
  await remove('/_state/enis?ip=10.0.0.7');
  expect(simulator.state.inventory.eniOfIp('10.0.0.7')).toBeUndefined();
  await remove('/_state/instances?id=i-1');
  expect(simulator.state.inventory.instanceStatus('i-1')).toBe('Missing');
  await remove('/_state/groups?id=rsp-1');
  expect(simulator.state.findGroup('rsp-1')).toBeUndefined();
  expect((await post('/_state/groups?id=rsp-1')).json.error).toContain('load-balancer is missing');
  expect((await post('/_nonsense')).json).toMatchObject({ error: 'no POST /_nonsense here' });
});

test('control endpoints refuse a request under a foreign host name', async () => {
  const simulator = await start();
  const reply = await exchange(simulator.url, { path: '/_state', headers: { host: 'rebound.example' } });
  expect(reply.status).toBe(403);
});
