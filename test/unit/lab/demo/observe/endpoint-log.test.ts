import { expect, test } from '@jest/globals';
import {
  EndpointLog,
  type EndpointSlice,
  readyEndpoints,
} from '../../../../../lab/demo/observe/endpoint-log.ts';

type Member = readonly [address: string, pod: string, ready?: boolean];

function slice(name: string, ...members: readonly Member[]): EndpointSlice {
  return {
    metadata: { name },
    ports: [{ port: 80 }],
    endpoints: members.map(([address, pod, ready]) => ({
      addresses: [address],
      targetRef: { name: pod },
      ...(ready !== undefined && { conditions: { ready } }),
    })),
  };
}

const pods = (endpoints: readonly { readonly pod: string }[]) => endpoints.map(({ pod }) => pod);

test('tells who came and went, and when', () => {
  const log = new EndpointLog();
  log.apply('ADDED', slice('s', ['10.0.0.1', 'a'], ['10.0.0.2', 'b']), 1);
  log.apply('MODIFIED', slice('s', ['10.0.0.2', 'b'], ['10.0.0.3', 'c']), 2);
  expect(log.changes.map(({ at, ready }) => [at, ready])).toEqual([
    [1, 2],
    [2, 2],
  ]);
  expect(pods(log.changes[1]!.left)).toEqual(['a']);
  expect(pods(log.changes[1]!.joined)).toEqual(['c']);
});

test('an endpoint that is not ready has left; one that does not say is ready', () => {
  const log = new EndpointLog();
  log.apply('ADDED', slice('s', ['10.0.0.1', 'a']), 1);
  log.apply('MODIFIED', slice('s', ['10.0.0.1', 'a', false]), 2);
  expect(pods(log.changes[1]!.left)).toEqual(['a']);
});

test('an event that changes nothing is no change', () => {
  const log = new EndpointLog();
  log.apply('ADDED', slice('s', ['10.0.0.1', 'a']), 1);
  log.apply('MODIFIED', slice('s', ['10.0.0.1', 'a', true]), 2);
  expect(log.changes).toHaveLength(1);
});

test('an endpoint that moves to another slice has not left', () => {
  const log = new EndpointLog();
  log.apply('ADDED', slice('s', ['10.0.0.1', 'a']), 1);
  log.apply('ADDED', slice('t', ['10.0.0.1', 'a']), 2);
  log.apply('DELETED', slice('s', ['10.0.0.1', 'a']), 3);
  expect(log.changes).toHaveLength(1);
  expect(log.ready.size).toBe(1);
});

test('an address that goes from one pod to the next is handed over', () => {
  const log = new EndpointLog();
  log.apply('ADDED', slice('s', ['10.0.0.1', 'a']), 1);
  log.apply('MODIFIED', slice('s', ['10.0.0.1', 'b']), 2);
  expect(log.changes[1]).toMatchObject({ left: [], joined: [], ready: 1 });
  expect(pods(log.changes[1]!.handedOver)).toEqual(['b']);
});

test('an empty slice, as the API server writes it, has no endpoints', () => {
  expect(readyEndpoints({ metadata: { name: 's' }, endpoints: null, ports: null })).toEqual([]);
});
