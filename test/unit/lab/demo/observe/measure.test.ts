import { describe, expect, test } from '@jest/globals';
import type { Endpoint, EndpointChange } from '../../../../../lab/demo/observe/endpoint-log.ts';
import { type Call, countByAction, measure } from '../../../../../lab/demo/observe/measure.ts';

const endpoint = (n: number): Endpoint => ({ address: `10.0.0.${n}`, port: 80, pod: `web-${n}` });

function change(at: number, left: readonly number[], joined: readonly number[] = []): EndpointChange {
  return { at, left: left.map(endpoint), joined: joined.map(endpoint), handedOver: [], ready: 0 };
}

function call(arrivedAt: number, action: string, members: readonly number[], weight = 100): Call {
  const backends = members.map((n) => ({ serverId: `eni-${n}`, serverIp: `10.0.0.${n}`, port: 80, weight }));
  return { arrivedAt, action, count: members.length, backends, code: 'OK', applied: true };
}

const REMOVE = 'RemoveVServerGroupBackendServers';
const SET = 'SetVServerGroupAttribute';

describe('the delay', () => {
  test('is from the event to the arrival of the Remove call', () => {
    const { delaysMs } = measure([change(1_000, [1, 2])], [call(1_003, REMOVE, [1, 2])]);
    expect(delaysMs).toEqual([3, 3]);
  });

  test('is to the call that sets weight 0 when that comes first', () => {
    const calls = [call(1_400, REMOVE, [1]), call(1_004, SET, [1], 0)];
    expect(measure([change(1_000, [1])], calls).delaysMs).toEqual([4]);
  });

  test('does not end with a call that gives the backend some other weight, or names another port', () => {
    const otherPort: Call = {
      ...call(1_001, REMOVE, [1]),
      backends: [{ serverId: 'eni-1', serverIp: '10.0.0.1', port: 81, weight: 100 }],
    };
    expect(measure([change(1_000, [1])], [call(1_001, SET, [1], 50), otherPort]).delaysMs).toEqual([]);
  });

  test('is none when the call was there before the event was seen', () => {
    expect(measure([change(1_000, [1])], [call(995, REMOVE, [1])]).delaysMs).toEqual([0]);
  });

  test('of an address that leaves twice belongs to the first call after each', () => {
    const changes = [change(1_000, [1]), change(2_000, [], [1]), change(3_000, [1])];
    const calls = [call(1_005, REMOVE, [1]), call(3_007, REMOVE, [1])];
    expect(measure(changes, calls).delaysMs).toEqual([5, 7]);
  });
});

test('an address that is back before a removal was due is reused, not delayed', () => {
  const measured = measure([change(1_000, [1]), change(1_050, [], [1])], []);
  expect(measured).toMatchObject({ reused: 1, delaysMs: [], joined: 1 });
});

test('departures can be told where Endpoints do not tell them', () => {
  const departures = [{ at: 1_000, endpoint: endpoint(1) }];
  expect(measure([], [call(1_002, REMOVE, [1])], departures).delaysMs).toEqual([2]);
});

test('calls are sorted by arrival, and counted under short names', () => {
  const calls = [call(3, 'DescribeNetworkInterfaces', []), call(1, REMOVE, [1]), call(2, REMOVE, [2])];
  expect(measure([], calls).calls.map(({ arrivedAt }) => arrivedAt)).toEqual([1, 2, 3]);
  expect([...countByAction(calls)]).toEqual([
    ['Look up ENIs', 1],
    ['Remove', 2],
  ]);
});
