import { expect, test } from '@jest/globals';
import { eniSlot } from '../../../../src/membership/backend.ts';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import { claim, eniMember, eniRow, members, own, plan, states, undetermined, written } from '../builders.ts';

/** Pod 1 was here and has left. */
const former: Claim['formerAt'] = (slot) =>
  slot === eniSlot('10.0.0.1', 8080) ? { podUID: 'uid-1', node: 'n1' } : undefined;
const late = eniRow('1', { description: 'by hand' });
const binding = (change: Partial<Claim> = {}) =>
  claim('web', { mode: 'RemoveOnly', formerAt: former, ...change });
const removed = [['remove eni-1/1:8080']];

test.each<readonly [string, Partial<Claim>, typeof late, readonly (readonly string[])[]]>([
  ['is removed by RemoveOnly', {}, late, removed],
  ['and drained while its pod is there', { drainMs: 9 }, late, [['set eni-1/1:8080*0']]],
  ['and not when it is gone', { drainMs: 9, livePods: { has: () => false } }, late, removed],
  ['is left alone by Sync', { mode: 'Sync' }, late, []],
  ['is left alone by a suspended binding', { suspended: true }, late, []],
  ['is removed while its Service gives nothing', { desired: undetermined() }, late, removed],
  ['is left alone when a binding elsewhere has tagged it', {}, own(late, { description: 'vsgb/d/x/y' }), []],
  ['at another port is left alone', {}, { ...late, port: 9090 }, []],
  ['at another address is left alone', {}, eniRow('2', { description: 'by hand' }), []],
])('a row that others added for a member that has left %s', (_, change, row, expected) => {
  expect(written(plan({ rows: [row], claims: [binding(change)] }))).toEqual(expected);
});

test('is left alone when another binding wants it', () => {
  const wants = claim('a', { desired: members(eniMember('1')) });
  expect(written(plan({ rows: [late], claims: [wants, binding()] }))).toEqual([]);
});

test('is of the binding while it leaves', () => {
  expect(states(plan({ rows: [late], claims: [binding()] }))).toEqual({ 'eni-1': 'Removing' });
});
