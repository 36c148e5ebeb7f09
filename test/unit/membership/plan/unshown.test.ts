import { describe, expect, test } from '@jest/globals';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import {
  claim,
  eniMember,
  eniRow,
  members,
  own,
  plan,
  podRecord,
  recordsOf,
  states,
  written,
} from '../builders.ts';

const NOW = 1_000_000;
const wants = { desired: members(eniMember('1')) };
const unshown = { shows: () => false };
const shown = (asked: unknown[]): Pick<Claim, 'shows'> => ({
  shows: (_, drain) => asked.push(drain) > 0,
});

describe('the weight 0 of a RemoveOnly binding', () => {
  const draining = (change: Partial<Claim> = {}) =>
    claim('web', { mode: 'RemoveOnly', drainMs: 9_000, records: recordsOf(podRecord('1')), ...change });

  test('waits until the status shows the drain', () => {
    const waiting = plan({ rows: [eniRow('1')], claims: [draining(unshown)] });
    expect(written(waiting)).toEqual([]);
    expect(states(waiting)).toEqual({ 'eni-1': 'Draining' });
    expect(waiting.reports[0]?.unshown).toHaveLength(1);
    const asked: unknown[] = [];
    const going = plan({ rows: [eniRow('1')], claims: [draining(shown(asked))] });
    expect(written(going)).toEqual([['set eni-1/1:8080*0']]);
    expect(asked).toEqual([{ weight: 100, since: NOW }]);
    expect(going.reports[0]?.unshown).toEqual([]);
  });

  test('waits for two seconds at most', () => {
    const waited = (ms: number) =>
      plan({ rows: [eniRow('1')], claims: [draining(unshown)], unshownForMs: () => ms });
    expect(waited(1_500).wakeAt).toBe(NOW + 500);
    expect(written(waited(1_999))).toEqual([]);
    expect(written(waited(2_000))).toEqual([['set eni-1/1:8080*0']]);
  });

  test('waits as well when its node is drained, and is recorded before', () => {
    const drained = { desired: members(eniMember('1', { drained: true })), drainMs: 0 };
    const waiting = plan({ rows: [eniRow('1')], claims: [draining({ ...drained, ...unshown })] });
    expect(written(waiting)).toEqual([]);
    expect(states(waiting)).toEqual({ 'eni-1': 'Draining' });
    const asked: unknown[] = [];
    const going = plan({ rows: [eniRow('1')], claims: [draining({ ...drained, ...shown(asked) })] });
    expect(written(going)).toEqual([['set eni-1/1:8080*0']]);
    expect(asked).toEqual([{ weight: 100, since: undefined }]);
  });

  test.each([
    ['doubted', 'Draining'],
    ['doubted', 'Removing'],
    ['doubted', 'Held'],
    ['presumed', 'Draining'],
    ['presumed', 'Removing'],
    ['presumed', 'Held'],
  ] as const)(
    'stays recorded while rows that show no weight 0 are %s: it may have been set before it was %s',
    (rowsAre, state) => {
      const record = podRecord('1', { state, drainingSince: NOW - 1_000 });
      const back = draining({ ...wants, records: recordsOf(record) });
      expect(states(plan({ rows: [eniRow('1')], claims: [back], rowsAre }))).toEqual({ 'eni-1': 'Draining' });
      expect(states(plan({ rows: [eniRow('1')], claims: [back] }))).toEqual({ 'eni-1': 'Registered' });
    },
  );

  test('Sync gives a weight back by its spec: nothing is waited for', () => {
    const sync = draining({ mode: 'Sync', ...unshown });
    expect(written(plan({ rows: [own(eniRow('1'))], claims: [sync] }))).toEqual([['set eni-1/1:8080*0']]);
  });
});

describe('a row that goes over to another binding', () => {
  const before = claim('web', { deleting: true });
  const heir = (change: Partial<Claim> = {}) => claim('heir', { ...wants, ...change });
  const rows = [own(eniRow('1'))];

  test('is of both until the status of the other one shows it', () => {
    const passing = plan({ rows, claims: [heir(unshown), before] });
    expect(states(passing)).toEqual({ 'eni-1': 'Registered' });
    expect(states(passing, 'heir')).toEqual({ 'eni-1': 'Registered' });
    expect(passing.reports.map(({ passing, unshown }) => [passing, unshown.length])).toEqual([
      [false, 1],
      [true, 0],
    ]);
    const passed = plan({ rows, claims: [heir(), before] });
    expect(states(passed)).toEqual({});
    expect(passed.reports.some(({ passing }) => passing)).toBe(false);
  });

  test('is of the one that wants it after half a minute, shown or not', () => {
    const waited = (ms: number) => plan({ rows, claims: [heir(unshown), before], unshownForMs: () => ms });
    expect(waited(10_000).wakeAt).toBe(NOW + 20_000);
    expect(states(waited(30_000))).toEqual({});
  });

  test('is its owner’s as long as only one that goes as well wants it', () => {
    const going = heir({ mode: 'RemoveOnly', deleting: true });
    const { reports } = plan({ rows, claims: [going, before] });
    expect(reports[1]?.records.size).toBe(1);
    expect(written(plan({ rows, claims: [heir({ deleting: true, desired: members() }), before] }))).toEqual([
      ['remove eni-1/1:8080'],
    ]);
  });

  test('a RemoveOnly binding that goes, and wants it too, waits for the other one', () => {
    const going = claim('web', { mode: 'RemoveOnly', deleting: true, ...wants });
    const waiting = plan({ rows, claims: [heir({ mode: 'RemoveOnly', ...unshown }), going] });
    expect(waiting.reports.map(({ passing }) => passing)).toEqual([false, true]);
    const alone = plan({ rows, claims: [going] });
    expect(alone.reports.map(({ passing }) => passing)).toEqual([false]);
  });
});
