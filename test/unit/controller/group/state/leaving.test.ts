import { beforeEach, expect, test } from '@jest/globals';
import { LeavingRows } from '../../../../../src/controller/group/state/leaving.ts';
import { backendKey } from '../../../../../src/membership/backend.ts';
import type { Batch } from '../../../../../src/membership/plan/batches.ts';
import type { BackendRecord } from '../../../../../src/membership/plan/claim.ts';
import { ownRow } from '../cluster.ts';

let leaving: LeavingRows;

beforeEach(() => {
  leaving = new LeavingRows();
});

const key = (ip: string) => backendKey(ownRow(ip));
const change = (ip: string, weight = 100, was = 100) => ({
  row: ownRow(ip, weight),
  key: key(ip),
  claim: '',
  was,
});
const removing = (...ips: string[]): Batch => ({
  action: 'remove',
  changes: ips.map((ip) => change(ip)),
  urgent: true,
});
const sent = (...batches: Batch[]) => ({ batches, lingering: [] });
const nobody = () => false;
const reportOf = (ip: string, state: BackendRecord['state']) => [
  { records: new Map([[key(ip), { row: ownRow(ip), state }]]), unshown: [] },
];

test('a backend leaves from the first event since the last plan', () => {
  leaving.changed(100);
  leaving.changed(150);
  leaving.planned(sent(removing('10.0.0.1')), [], nobody, 200);
  expect(leaving.longestMs(300)).toBe(200);
});

test('and without an event from its first plan; later plans change nothing of that', () => {
  leaving.planned(sent(removing('10.0.0.1')), [], nobody, 200);
  leaving.changed(250);
  leaving.planned(sent(removing('10.0.0.1', '10.0.0.2')), [], nobody, 300);
  expect(leaving.waitedMs([key('10.0.0.1'), key('10.0.0.2'), key('10.0.0.3')], 400)).toEqual([200, 150]);
  expect(leaving.longestMs(400)).toBe(200);
});

test.each([
  ['one that is drained leaves', change('10.0.0.1', 0), 100],
  ['one that has weight 0 already does not', change('10.0.0.1', 0, 0), 0],
  ['one that is weighed does not', change('10.0.0.1', 50), 0],
])('%s', (_, one, ms) => {
  leaving.planned(sent({ action: 'set', changes: [one], urgent: false }), [], nobody, 0);
  expect(leaving.longestMs(100)).toBe(ms);
});

test('one that lingers leaves, from its first plan', () => {
  const plan = { batches: [], lingering: [key('10.0.0.1')] };
  leaving.planned(plan, [], nobody, 100);
  leaving.planned(plan, [], nobody, 150);
  leaving.planned(sent(removing('10.0.0.1')), [], nobody, 200);
  expect([leaving.forMs(key('10.0.0.1'), 300), leaving.forMs(key('10.0.0.2'), 300)]).toEqual([200, 0]);
});

test('one that is back, or done, leaves no more', () => {
  leaving.planned(sent(removing('10.0.0.1')), [], nobody, 0);
  leaving.planned(sent(), [], nobody, 50);
  expect(leaving.longestMs(100)).toBe(0);
});

test.each([
  ['Removing', 100],
  ['Draining', 100],
  ['Registered', 0],
] as const)('one whose removal is refused and that is %s has left for %d ms', (state, ms) => {
  leaving.planned(sent(removing('10.0.0.1')), [], nobody, 0);
  leaving.planned(sent(), reportOf('10.0.0.1', state), () => true, 50);
  expect(leaving.longestMs(100)).toBe(ms);
});
