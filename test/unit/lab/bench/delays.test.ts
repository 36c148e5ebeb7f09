import { describe, expect, it } from '@jest/globals';
import { delaysOf } from '../../../../lab/bench/measure/delays.ts';
import type { EndpointEvent } from '../../../../lab/bench/measure/in-service.ts';
import type { JournalEntry } from '../../../../simulator/journal.ts';

const GROUPS = new Map([['shop/web', 'rsp-web']]);
const ADD = 'AddVServerGroupBackendServers';
const REMOVE = 'RemoveVServerGroupBackendServers';

function event(kind: EndpointEvent['kind'], at: number): EndpointEvent {
  return { kind, service: 'shop/web', ip: '10.0.0.1', at };
}

/** A call that arrives at that time and ends 20 ms later. */
function call(action: string, arrivedAt: number): JournalEntry {
  const backends = [{ serverId: 'eni-1', serverIp: '10.0.0.1', port: 8080, weight: 100 }];
  return { action, group: 'rsp-web', backends, arrivedAt, time: arrivedAt + 20, applied: true } as never;
}

describe('delaysOf', () => {
  it('counts from the event to the arrival of the Remove', () => {
    const { removal, gone, lost } = delaysOf([event('leave', 100)], [call(REMOVE, 105)], GROUPS);
    expect([removal.p50, gone.p50, lost]).toEqual([5, 25, 0]);
  });

  it('says which never came', () => {
    expect(delaysOf([event('leave', 100)], [], GROUPS).lost).toBe(1);
    const joined = [event('join', 100), event('leave', 900)];
    expect(delaysOf(joined, [call(ADD, 350)], GROUPS).lost).toBe(1);
    // A pod with a readiness gate is added before it is ready.
    expect(delaysOf(joined, [call(ADD, 50)], GROUPS).lost).toBe(1);
  });

  it('asks for no Remove of what was never added', () => {
    const joined = [event('join', 100), event('leave', 200)];
    expect(delaysOf(joined, [], GROUPS)).toMatchObject({ lost: 0, returned: 0, removal: { n: 0 } });
  });

  it('asks for none of what has left already', () => {
    const twice = [event('leave', 100), event('back', 150), event('leave', 200)];
    const { removal, lost } = delaysOf(twice, [call(REMOVE, 105)], GROUPS);
    expect([removal.n, lost]).toEqual([1, 0]);
  });

  it('calls what is back before it was removed returned', () => {
    const { returned, lost } = delaysOf([event('leave', 100), event('join', 110)], [], GROUPS);
    expect([returned, lost]).toEqual([1, 0]);
  });
});
