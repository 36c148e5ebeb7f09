import { beforeEach, expect, test } from '@jest/globals';
import { BindingMemory } from '../../../../src/controller/binding/binding-memory.ts';
import { transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { backendKey } from '../../../../src/membership/backend.ts';
import type { BackendRecord } from '../../../../src/membership/plan/claim.ts';
import { ownRow } from '../group/cluster.ts';

let memory: BindingMemory;

beforeEach(() => {
  memory = new BindingMemory();
});

const row = ownRow('10.0.0.1');
const object = transformBinding({
  metadata: { namespace: 'shop', name: 'web', uid: 'uid-1', resourceVersion: '1', generation: 1 },
  spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 } },
  status: { backends: [{ ...row, state: 'Registered' }] },
});
const recording = (record: Partial<BackendRecord> = {}) =>
  new Map<ReturnType<typeof backendKey>, BackendRecord>([
    [backendKey(row), { row, state: 'Draining', ...record }],
  ]);

test('what a binding owns is what its status says, until this process knows better', () => {
  expect([...memory.recordsOf(object).keys()]).toEqual([backendKey(row)]);
  const known = recording();
  memory.keepRecords(object.uid, known);
  expect(memory.recordsOf(object)).toBe(known);
});

test('of a binding that is gone nothing is known, not even what a call that was under way has removed', () => {
  memory.keepRecords(object.uid, recording());
  memory.noteRemoval(object, 1);
  expect(memory.lastRemovalOf(object)).toBe(1);
  memory.forget(object);
  memory.noteRemoval(object, 2);
  expect(memory.lastRemovalOf(object)).toBeUndefined();
  expect(memory.recordsOf(object).get(backendKey(row))?.state).toBe('Registered');
});

test.each([
  ['that is set forward', 3_600_000],
  ['that is set back', -3_600_000],
])('a wall clock %s moves the start of each drain with it, and nothing else', (_, jump) => {
  memory.keepTime(0, 1_000_000);
  memory.keepRecords('drains', recording({ drainingSince: 1_000_000 }));
  memory.keepRecords(object.uid, recording({ state: 'Registered' }));
  memory.keepTime(60_000, 1_060_000 + jump);
  const drains = { ...object, uid: 'drains' };
  expect(memory.recordsOf(drains)).toEqual(recording({ drainingSince: 1_000_000 + jump }));
  expect(memory.recordsOf(object)).toEqual(recording({ state: 'Registered' }));
});

test('a wall clock that is kept right by less than a second moves nothing', () => {
  memory.keepTime(0, 1_000_000);
  const records = recording({ drainingSince: 1_000_000 });
  memory.keepRecords(object.uid, records);
  memory.keepTime(60_000, 1_060_900);
  expect(memory.recordsOf(object)).toBe(records);
});
