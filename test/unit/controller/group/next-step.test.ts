import { beforeEach, describe, expect, test } from '@jest/globals';
import { vServerGroup } from '../../../../src/cloud/group-ref.ts';
import { nextStep } from '../../../../src/controller/group/next-step.ts';
import { GroupState } from '../../../../src/controller/group/state/group-state.ts';
import { backendKey } from '../../../../src/membership/backend.ts';
import type { Batch } from '../../../../src/membership/plan/batches.ts';
import { addresses, ownRow } from './cluster.ts';
import { apiError } from './fake-cloud.ts';

const NOW = 10_000;
const PACING = { writeSpacingMs: 100, addWindowMs: 250, rowsPerCall: { remove: 20, set: 20, add: 10 } };
const BUSY = apiError('busy', 'SystemBusy');
const DENIED = apiError('denied', 'Forbidden.RAM');
const RESYNC = NOW + 300_000;

let group: GroupState;

beforeEach(() => {
  group = new GroupState(vServerGroup('cn-hangzhou', 'rsp-1'), NOW, () => 0);
});

function read(pending = false, resyncAt = RESYNC): void {
  group.view.described({ requestId: 'r', rows: [], pending }, resyncAt, NOW + 1_000);
}

const change = (ip: string, weight = 100) => ({
  row: ownRow(ip, weight),
  key: backendKey(ownRow(ip)),
  claim: '',
});
const batch = (action: Batch['action'], count = 1, urgent = action === 'remove'): Batch => ({
  action,
  changes: addresses(count).map((ip) => change(ip)),
  urgent,
});
const step = (batches: readonly Batch[], { wakeAt, now = NOW }: { wakeAt?: number; now?: number } = {}) =>
  nextStep({ batches }, group, PACING, now, wakeAt);
const JOB = { id: 'job-1', batch: batch('add'), requestId: 'r', startedAt: 0 };

describe('a group that was never read', () => {
  test('has what left removed before it is read', () => {
    const removal = batch('remove');
    expect(step([removal, batch('add')])).toEqual({ do: 'write', batch: removal });
  });

  test('is read before anything else', () => {
    expect(step([])).toEqual({ do: 'describe' });
    expect(step([batch('add')])).toEqual({ do: 'describe' });
  });

  test('is read first when a removal before had an unknown outcome', () => {
    group.view.doubt('unknown-outcome');
    expect(step([batch('remove')])).toEqual({ do: 'describe' });
  });
});

describe('a group that is in doubt', () => {
  beforeEach(() => {
    read();
    group.view.doubt('unknown-outcome');
  });

  test('is read before anything else, a full batch of removals among it', () => {
    expect(step([batch('remove', 20)])).toEqual({ do: 'describe' });
  });

  test.each([
    ['a removal', [batch('remove')], true],
    ['an addition', [batch('add')], false],
  ])(
    'and whose read backs off waits for that, urgently when %s waits behind it: %s',
    (_, batches, urgent) => {
      group.attempts.fail('describe', BUSY, NOW);
      expect(step(batches)).toEqual({ do: 'wait', at: NOW + 100, urgent });
    },
  );
});

describe('a group that takes in a change', () => {
  test.each([
    ['a job of ours: asked how far it is', true, { do: 'poll', job: JOB }],
    ["somebody else's: read", false, { do: 'describe' }],
  ])('%s, once it is time', (_, own, expected) => {
    read(!own);
    if (own) group.view.waitFor(JOB, NOW + 1_000);
    const removal = batch('remove', 20);
    expect(step([removal])).toEqual({ do: 'wait', at: NOW + 1_000, urgent: true });
    expect(step([removal], { now: NOW + 1_000 })).toEqual(expected);
  });

  test('is left alone for longer when looking at it failed', () => {
    read();
    group.view.waitFor(JOB, NOW + 1_000);
    group.attempts.fail('describe', DENIED, NOW);
    expect(step([])).toEqual({ do: 'wait', at: NOW + 2_000, urgent: false });
  });
});

describe('a group that was read', () => {
  beforeEach(() => read());

  test('with nothing to write waits for its resync, or for the end of a drain', () => {
    expect(step([])).toEqual({ do: 'wait', at: RESYNC, urgent: false });
    expect(step([], { wakeAt: NOW + 5 })).toEqual({ do: 'wait', at: NOW + 5, urgent: true });
  });

  test('is read when its resync is due, after all that may be written', () => {
    read(false, NOW);
    expect(step([])).toEqual({ do: 'describe' });
    const removal = batch('remove');
    expect(step([removal])).toEqual({ do: 'write', batch: removal });
  });

  test('has a drain end in time while its resync is refused', () => {
    read(false, NOW);
    for (let i = 0; i < 9; i++) group.attempts.fail('describe', DENIED, NOW);
    expect(step([], { wakeAt: NOW + 5_000 })).toEqual({ do: 'wait', at: NOW + 5_000, urgent: true });
    expect(step([])).toEqual({ do: 'wait', at: NOW + 60_000, urgent: false });
  });

  test('keeps its spacing between writes, and the window between additions', () => {
    group.pace.writes(batch('add'), NOW - 50);
    expect(step([batch('remove')])).toEqual({ do: 'wait', at: NOW + 50, urgent: true });
    expect(step([batch('add')])).toEqual({ do: 'wait', at: NOW + 200, urgent: false });
  });

  test.each([
    ['remove', 20],
    ['add', 10],
  ] as const)('does not keep them for a batch that is full: %s %d', (action, count) => {
    group.pace.writes(batch('add'), NOW);
    expect(step([batch(action, count)]).do).toBe('write');
    expect(step([batch(action, count - 1)]).do).toBe('wait');
  });

  test('nor for a piece of a refused batch', () => {
    group.pace.writes(batch('add'), NOW);
    group.attempts.split(batch('add', 4), apiError('badBackend', 'X'));
    expect(step([batch('add', 2)]).do).toBe('write');
  });

  test('passes a removal that backs off, and comes back for it urgently', () => {
    group.attempts.fail('remove', BUSY, NOW);
    const addition = batch('add');
    expect(step([batch('remove'), addition])).toEqual({ do: 'write', batch: addition });
    group.attempts.fail('add', DENIED, NOW);
    expect(step([batch('remove'), addition])).toEqual({ do: 'wait', at: NOW + 100, urgent: true });
  });

  test('lets no addition pass a removal that only keeps the spacing', () => {
    group.pace.writes(batch('remove'), NOW);
    expect(step([batch('remove'), batch('add')])).toEqual({ do: 'wait', at: NOW + 100, urgent: true });
  });

  test('gives additions that were passed over for four windows one turn', () => {
    const [removal, addition] = [batch('remove'), batch('add')];
    group.pace.planned([removal, addition], NOW - 1_000);
    expect(step([removal, addition])).toEqual({ do: 'write', batch: addition });
    expect(step([removal, addition], { now: NOW - 1 })).toEqual({ do: 'write', batch: removal });
  });

  test.each([
    ['remove', 100, true],
    ['set', 0, true],
    ['set', 50, false],
    ['add', 100, false],
  ] as const)(
    'comes back for a backend that is refused: %s, weight %d, urgently: %s',
    (action, weight, urgent) => {
      group.attempts.refuse(action, change('10.0.0.1', weight), apiError('badBackend', 'X'), NOW);
      expect(step([])).toEqual({ do: 'wait', at: NOW + 2_000, urgent });
    },
  );
});
