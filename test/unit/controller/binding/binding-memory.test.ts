import { beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { WallTimes } from '../../../../src/clock.ts';
import { BindingMemory } from '../../../../src/controller/binding/binding-memory.ts';
import { transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { backendKey } from '../../../../src/membership/backend.ts';
import type { BackendRecord } from '../../../../src/membership/plan/claim.ts';
import { ownRow } from '../group/cluster.ts';

let memory: BindingMemory;

beforeEach(() => {
  memory = new BindingMemory(new WallTimes(new FakeClock()));
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

test('a drain that by the status began in the future, before the clock was set back, begins now', () => {
  const clock = new FakeClock(5_000, Date.UTC(2026, 0, 1, 12));
  const drained = transformBinding({
    ...{ metadata: { ...object, resourceVersion: '2' }, spec: {} },
    status: { backends: [{ ...row, state: 'Draining', drainingSince: '2026-01-01T13:00:00Z' }] },
  });
  const { drainingSince } = new BindingMemory(new WallTimes(clock)).recordsOf(drained).get(backendKey(row))!;
  expect(drainingSince).toBe(5_000);
});
