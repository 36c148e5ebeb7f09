import { expect, test } from '@jest/globals';

// Scripts of the page have no types, because they run in the browser as they are.
const folder = '../../../../simulator/console';
const { Model, keyOf, GHOST_MS } = await import(`${folder}/model.js`);
const { addressOf, duration, shortAction, trafficWords } = await import(`${folder}/words.js`);

const row = (n: number, weight = 100) => ({
  serverId: `eni-${n}`,
  serverIp: `10.0.0.${n}`,
  port: 80,
  weight,
  type: 'eni',
  description: '',
});
const change = (kind: string, n: number, time: number, weight = 100) => ({
  kind: `row-${kind}`,
  group: 'rsp-0',
  loadBalancer: 'lb-1',
  row: row(n, weight),
  time,
});
const call = (seq: number, action: string, rows: object[], arrivedAt: number, time: number) => ({
  seq,
  action: `${action}VServerGroupBackendServers`,
  group: 'rsp-0',
  backends: rows,
  arrivedAt,
  time,
  durationMs: time - arrivedAt,
  code: 'OK',
  applied: true,
  requestId: `request-${seq}`,
});

function started(rows: object[] = [], calls: object[] = []) {
  const model = new Model();
  const group = { id: 'rsp-0', name: 'rsp-0', loadBalancer: 'lb-1', rows };
  model.takeSnapshot({ loadBalancers: [{ id: 'lb-1' }], groups: [group] }, calls);
  return model;
}
const tile = (model: typeof Model, n: number) => model.groups.get('rsp-0').tiles.get(keyOf(row(n)));

test('a backend joins, drains and leaves: the delay runs from weight 0, the call is the one that did it', () => {
  const model = started();
  model.takeChange(change('added', 1, 1000));
  model.takeCall(call(1, 'Add', [row(1)], 980, 1001));
  model.takeChange(change('changed', 1, 2000, 0));
  model.takeChange(change('removed', 1, 5500, 0));
  model.takeCall(call(2, 'Remove', [row(1)], 5479, 5501));
  expect(model.members).toMatchObject([
    { what: 'joined', callMs: 21 },
    { what: 'draining', from: 100 },
    { what: 'left', drainedMs: 3500, callMs: 22 },
  ]);
  expect(tile(model, 1).left).toMatchObject({ drainedMs: 3500 });
  model.forgetLeft(5500 + GHOST_MS - 1);
  expect(tile(model, 1)).toBeDefined();
  model.forgetLeft(5500 + GHOST_MS);
  expect(tile(model, 1)).toBeUndefined();
});

test('events from before the snapshot, taken after it, change nothing and are not told twice', () => {
  const model = started([row(1)]);
  model.takeChange(change('added', 1, 1000));
  model.takeChange(change('removed', 2, 1000));
  expect(model.members).toEqual([]);
  const known = call(7, 'Add', [row(1)], 900, 1000);
  model.takeCall(known);
  model.takeCall(known);
  expect(model.calls).toHaveLength(1);
  expect(model.totalCalls).toBe(7);
});

test('a backend that comes back is in service again', () => {
  const model = started([row(1)]);
  model.takeChange(change('removed', 1, 1000));
  model.takeChange(change('added', 1, 1500));
  expect(model.members.map(({ what }: { what: string }) => what)).toEqual(['left', 'joined']);
  model.forgetLeft(99_999);
  expect(tile(model, 1).left).toBeUndefined();
});

test('since when a backend drains is known from the calls before the page was opened', () => {
  const set = { ...call(3, '', [row(1, 0)], 480, 500), action: 'SetVServerGroupAttribute' };
  expect(tile(started([row(1, 0)], [set]), 1).drainingSince).toBe(500);
  expect(tile(started([row(1, 0)], []), 1).drainingSince).toBeUndefined();
});

test('traffic is that of the last second: a row that is not named has none any more', () => {
  const model = started([row(1), row(2)]);
  const rate = { group: 'rsp-0', perSecond: 48, failedPerSecond: 0 };
  const key = { serverId: 'eni-1', serverIp: '10.0.0.1', port: 80 };
  model.takeTraffic({ groups: [rate], rows: [{ ...rate, ...key }] });
  expect(tile(model, 1).traffic).toMatchObject({ perSecond: 48 });
  expect(model.groups.get('rsp-0').traffic).toBe(rate);
  expect([...model.dirtyTiles.get('rsp-0')]).toEqual([keyOf(row(1))]);
  model.takeChange(change('changed', 1, 1000, 0));
  expect(tile(model, 1).traffic).toMatchObject({ perSecond: 48 });
  model.dirtyTiles.clear();
  model.takeTraffic({ groups: [], rows: [] });
  expect([tile(model, 1).traffic, model.groups.get('rsp-0').traffic]).toEqual([undefined, undefined]);
  expect([...model.dirtyTiles.get('rsp-0')]).toEqual([keyOf(row(1))]);
});

test('what is kept has an end', () => {
  const model = started();
  for (let i = 1; i <= 2000; i++) {
    model.takeChange(change('added', i, i));
    model.takeCall(call(i, 'Add', [row(i)], i, i + 1));
  }
  expect(model.calls.length).toBeLessThanOrEqual(600);
  expect(model.members.length).toBeLessThanOrEqual(360);
  expect(model.groups.get('rsp-0').tiles.size).toBe(2000);
});

test('words', () => {
  expect(addressOf({ serverIp: 'fd00::7', serverId: 'eni-1', port: 80 })).toBe('[fd00::7]:80');
  expect(addressOf({ serverIp: '', serverId: 'i-1', port: 80 })).toBe('i-1:80');
  expect(trafficWords(undefined)).toBe('');
  expect(trafficWords({ perSecond: 0.5, failedPerSecond: 0 })).toBe('0.5/s');
  expect(trafficWords({ perSecond: 480.3, failedPerSecond: 2.04 })).toBe('480/s, 2 failed/s');
  expect([1.25, 21.4, 3500, 61_000].map(duration)).toEqual(['1.3 ms', '21 ms', '3.5 s', '1 min 1 s']);
  expect(
    ['AddVServerGroupBackendServers', 'SetVServerGroupAttribute', 'DescribeVServerGroups', ''].map(
      shortAction,
    ),
  ).toEqual(['Add', 'Set', 'DescribeVServerGroups', '–']);
});
