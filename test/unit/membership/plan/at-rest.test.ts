import { expect, test } from '@jest/globals';
import type { GroupInput } from '../../../../src/membership/plan/plan.ts';
import {
  claim,
  eniMember,
  eniRow,
  groupInput,
  members,
  own,
  plan,
  podRecord,
  recordsOf,
  written,
} from '../builders.ts';

const names = ['1', '2', '3'];
const rows = names.map((name) => own(eniRow(name)));
const records = recordsOf(...rows.map((row, i) => podRecord(names[i] as string, { row })));

/** The group as `claim('web')` has it when nothing is to be done, with whose ENI was asked for. */
function settled(change: Partial<GroupInput> = {}) {
  const asked: string[] = [];
  const eniOf = (ip: string) => {
    asked.push(ip);
    return `eni-${ip.slice('10.0.0.'.length)}`;
  };
  const input = groupInput({
    rows,
    claims: [claim('web', { records, desired: members(...names.map((name) => eniMember(name))) })],
    eniOf,
    eniVersion: 1,
    ...change,
  });
  const first = plan(input);
  expect(first.batches).toEqual([]);
  asked.length = 0;
  return { input, first, asked };
}

test('what the last plan left as it is, is not judged again', () => {
  const { input, first, asked } = settled();
  const second = plan({ ...input, atRest: first.atRest });
  expect(asked).toEqual([]);
  expect(second.reports).toEqual(first.reports);
});

test('rows of a new reply rest on when they say the same', () => {
  const { input, first, asked } = settled();
  plan({ ...input, rows: structuredClone(rows), atRest: first.atRest });
  expect(asked).toEqual([]);
});

test('one member that leaves has its own row judged, and no other', () => {
  const { input, first, asked } = settled();
  const claims = [claim('web', { records, desired: members(eniMember('1'), eniMember('3')) })];
  const second = plan({ ...input, claims, atRest: first.atRest });
  expect(written(second)).toEqual([['remove eni-2/2:8080']]);
  expect(asked).toEqual([]);
});

test('a row that was changed by hand is judged, and no other', () => {
  const { input, first, asked } = settled();
  const changed = rows.map((row, i) => (i === 1 ? { ...row, weight: 7 } : row));
  const second = plan({ ...input, rows: changed, atRest: first.atRest });
  expect(written(second)).toEqual([['set eni-2/2:8080*100']]);
  expect(new Set(asked)).toEqual(new Set(['10.0.0.2']));
});

test('once something new is known of ENIs, a row that leads nowhere rests no longer', () => {
  const { input, first } = settled();
  const eniOf = (ip: string) => (ip === '10.0.0.2' ? 'eni-new' : `eni-${ip.slice('10.0.0.'.length)}`);
  const second = plan({ ...input, eniOf, eniVersion: 2, atRest: first.atRest });
  expect(written(second)).toEqual([['remove eni-2/2:8080'], ['add eni-new/2:8080*100']]);
});

test('an old row beside one that rests is seen to have moved, and is removed without a drain', () => {
  const { input, first } = settled();
  const old = own(eniRow('2', { serverId: 'eni-old' }));
  const draining = input.claims.map((one) => ({ ...one, drainMs: 60_000 }));
  const second = plan({ ...input, claims: draining, rows: [...rows, old], atRest: first.atRest });
  expect(written(second)).toEqual([['remove eni-old/2:8080']]);
});

test('while two rows stand for one member, either may go without the member being missed', () => {
  const twin = own(eniRow('2', { serverId: 'eni-twin' }));
  const both = [...rows, twin];
  const known = new Map([...records, ...recordsOf(podRecord('2', { row: twin }))]);
  const desired = members(...names.map((name) => eniMember(name)));
  const claims = [claim('web', { records: known, desired })];
  const { input, first } = settled({ rows: both, claims, eniOf: () => undefined });
  for (const gone of [rows[1], twin]) {
    const left = both.filter((row) => row !== gone);
    const second = plan({ ...input, rows: left, atRest: first.atRest });
    expect(second.batches).toEqual([]);
    expect(second.reports[0]?.pending).toEqual([]);
  }
});

test('a binding that is set otherwise has all of its rows judged', () => {
  const { input, first, asked } = settled();
  const claims = input.claims.map((one) => ({ ...one, mode: 'RemoveOnly' as const }));
  plan({ ...input, claims, atRest: first.atRest });
  expect(new Set(asked).size).toBe(3);
});
