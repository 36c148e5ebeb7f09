import { expect, test } from '@jest/globals';
import { claim, ecsMember, eniRow, members, own, plan, planInput, Turns, written } from '../builders.ts';

/* The operator adds a pod with hostNetwork as an instance; others add it by its node's address. */

const host = ecsMember('n1', { port: 8080, ip: '10.0.0.9', pod: 'pod-h', podUID: 'uid-h' });
const wanted = { desired: members(host) };
const byAddress = eniRow('9', { description: 'k8s/80/web' });

test('what others wrote by the address is not added a second time', () => {
  expect(written(plan({ rows: [byAddress], claims: [claim('web', wanted)] }))).toEqual([]);
});

test('what they wrote at a network interface that the node has no more does not keep it out', () => {
  const rows = [{ ...byAddress, serverId: 'eni-old' }];
  const input = planInput({ rows, claims: [claim('web', wanted)] });
  expect(plan({ ...input, rows, eniOf: () => undefined }).lookups).toEqual([host]);
  expect(written(plan({ ...input, rows }))).toEqual([['add i-n1:8080*100']]);
});

test('RemoveOnly takes it over, and removes it when the pod has left', () => {
  const turns = new Turns([byAddress]);
  const web = { mode: 'RemoveOnly' } as const;
  expect(turns.turn([claim('web', { ...web, ...wanted })]).batches).toEqual([]);
  turns.turn([claim('web', web)]);
  expect(turns.rows).toEqual([]);
});

test('it is added by its instance alone', () => {
  const turns = new Turns([]);
  turns.turn([claim('web', wanted)]);
  expect(turns.rows).toEqual([own({ serverId: 'i-n1', port: 8080, type: 'ecs', weight: 100 })]);
});
