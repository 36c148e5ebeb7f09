import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { WallTimes } from '../../../../src/clock.ts';
import { vServerGroup } from '../../../../src/cloud/group-ref.ts';
import { BindingReporter } from '../../../../src/controller/binding/binding-reporter.ts';
import { type BindingObject, transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { GroupState } from '../../../../src/controller/group/state/group-state.ts';

const CONDITIONS = [
  { type: 'Ready', status: 'True', reason: 'Synced', message: 'all is well.' },
  { type: 'Reconciling', status: 'True', reason: 'Progressing', message: 'more is to come.' },
].map((condition) => ({
  ...condition,
  observedGeneration: 1,
  lastTransitionTime: '2025-12-31T00:00:00Z',
}));

const METADATA = { namespace: 'shop', name: 'web', uid: 'uid-1', resourceVersion: '7' };

/** A binding with an unreadable weight. */
function invalid(generation: number, status?: object) {
  return transformBinding({
    metadata: { ...METADATA, generation },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, weight: 101 + generation },
    ...(status && { status }),
  });
}

const BACKEND = { serverId: 'eni-1', port: 80, type: 'eni', weight: 100, state: 'Registered' };

/** The same binding while it is being deleted, with further unreadable fields. */
function unreadable(spec: object, status?: object): BindingObject {
  return transformBinding({
    metadata: { ...METADATA, generation: 3, deletionTimestamp: '2026-01-01T00:00:00Z' },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...spec },
    ...(status && { status }),
  });
}

function setUp() {
  const clock = new FakeClock();
  const parts: unknown[] = [];
  const events: string[] = [];
  const status = {
    write: () => {
      throw new Error('the whole status is not to be written');
    },
    writeConditions: (_: unknown, part: unknown) => void parts.push(part),
  };
  const record = ({ type, reason, note }: { type: string; reason: string; note: string }) =>
    void events.push(`${type} ${reason}: ${note}`);
  const reporter = new BindingReporter(status, { record }, new WallTimes(clock));
  const group = new GroupState(vServerGroup('cn-hangzhou', 'rsp-1'), 0, () => 0);
  const granted = { is: 'exclusive', namespace: 'shop', unreadable: [] } as const;
  const input = {
    group,
    wasRead: false,
    granted,
    report: undefined,
    batches: [],
    missingEnis: [],
    unlooked: [],
    dryRun: false,
  };
  const report = (object: BindingObject) =>
    reporter.report(
      { object, granted, isClosed: false, claim: undefined, notices: [], preparation: undefined },
      input,
    );
  return { clock, parts, events, reporter, report };
}

test('a spec that cannot be read: Ready is False and Stalled True from now on, with an event of the same words', () => {
  const { report, parts, events } = setUp();
  report(invalid(2, { observedGeneration: 1, conditions: CONDITIONS, desired: 3 }));
  const message =
    "shop/web can't be read, and its group is left as it is: spec.weight: Too big: expected number to be <=100. Correct the spec.";
  const said = { reason: 'InvalidSpec', message, observedGeneration: 2 };
  const at = { lastTransitionTime: '2026-01-01T00:00:00Z' };
  expect(parts).toEqual([
    {
      observedGeneration: 2,
      conditions: [
        { type: 'Ready', status: 'False', ...said, ...at },
        { type: 'Stalled', status: 'True', ...said, ...at },
      ],
    },
  ]);
  expect(events).toEqual([`Warning InvalidSpec: ${message}`]);
});

test('told again, it keeps its time and makes no other event', async () => {
  const { clock, report, parts, events } = setUp();
  report(invalid(1));
  await clock.advance(60_000);
  report(invalid(2));
  expect(parts).toMatchObject([
    { observedGeneration: 1, conditions: [{ lastTransitionTime: '2026-01-01T00:00:00Z' }, {}] },
    { observedGeneration: 2, conditions: [{ lastTransitionTime: '2026-01-01T00:00:00Z' }, {}] },
  ]);
  expect(events).toHaveLength(1);
});

test('another operator that takes over keeps the times that the status has, and makes no other event', async () => {
  const { report, parts } = setUp();
  const { report: next, parts: after, events, clock } = setUp();
  report(invalid(2));
  await clock.advance(60_000);
  next(invalid(2, parts[0] as object));
  expect(after).toEqual(parts);
  expect(events).toEqual([]);
});

test('one that is being deleted is told anew, and which field decides what becomes of its backends', () => {
  const { report, parts, events } = setUp();
  report(invalid(1));
  report(unreadable({ deletionPolicy: 'Keep', mode: 7 }));
  const message =
    'shop/web is being deleted, and what becomes of its backends in vServer group rsp-1 (cn-hangzhou) can\'t be read from spec.deletionPolicy, spec.mode: spec.mode: Invalid option: expected one of "Sync"|"RemoveOnly"; spec.deletionPolicy: Invalid option: expected one of "Remove"|"Retain". They stay until that is corrected; to keep them for good, set spec.deletionPolicy to Retain or remove the finalizer slb.alibabacloud.com/backends.';
  expect(parts[1]).toMatchObject({
    conditions: [
      { type: 'Ready', status: 'False', reason: 'DeletionBlocked', message },
      { type: 'Stalled', status: 'True', reason: 'DeletionBlocked', message },
    ],
  });
  expect(events[1]).toBe(`Warning DeletionBlocked: ${message}`);
});

test('one whose group cannot be read for a while keeps the reason that its grant was withdrawn', () => {
  const { reporter, parts } = setUp();
  const conditions = [
    { type: 'Ready', status: 'False', reason: 'GroupNotGranted', message: '', lastTransitionTime: '' },
  ];
  const object = unreadable({ vServerGroupId: 'lb-1' }, { conditions });
  if (object.parsed.ok) throw new Error('it can be read');
  reporter.reportGroupless(object, object.parsed);
  expect(parts.at(-1)).toMatchObject({
    conditions: [{ reason: 'GroupNotGranted', message: expect.stringContaining('spec.vServerGroupId') }, {}],
  });
});

test('one that is being deleted, and whose group cannot be read: told how many backends that concerns', () => {
  const { reporter, events } = setUp();
  const backends = ['eni-1', 'eni-2'].map((serverId) => ({ ...BACKEND, serverId }));
  const object = unreadable({ vServerGroupId: 'lb-1' }, { backends });
  if (object.parsed.ok) throw new Error('it can be read');
  reporter.reportGroupless(object, object.parsed);
  expect(events).toEqual([
    "Warning DeletionBlocked: shop/web is being deleted, and the group that 2 backends have to leave can't be read: spec.vServerGroupId: must be the id of a vServer group: rsp- and then letters and digits. Correct the spec, or set spec.deletionPolicy to Retain (or remove the finalizer slb.alibabacloud.com/backends) and remove them from their group by hand.",
  ]);
});
