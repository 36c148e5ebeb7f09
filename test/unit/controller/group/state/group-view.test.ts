import { beforeEach, describe, expect, test } from '@jest/globals';
import { vServerGroup } from '../../../../../src/cloud/group-ref.ts';
import { type Doubt, GroupView } from '../../../../../src/controller/group/state/group-view.ts';
import { backendKey, knownRows, type Row } from '../../../../../src/membership/backend.ts';
import { ownRow } from '../cluster.ts';

let view: GroupView;

beforeEach(() => {
  view = new GroupView(vServerGroup('cn-hangzhou', 'rsp-1'), 0);
});

const JOB = {
  id: 'job-1',
  batch: { action: 'add', changes: [], urgent: false },
  requestId: 'request-1',
  startedAt: 0,
} as const;
const described = (rows: readonly Row[], pending = false) =>
  view.described({ requestId: 'r', rows, pending, loadBalancerId: 'lb-1' }, 300_000, 1_000);
const [one, two, three] = [ownRow('10.0.0.1'), ownRow('10.0.0.2'), ownRow('10.0.0.3')];

test('before its first read it shows nothing, and what was recorded may stand for its rows', () => {
  expect(view).toMatchObject({ rows: undefined, inDoubt: true, mayPresume: true, readReason: 'first' });
});

test('a list, of a read or of a write, is what it shows; rows that are as before are the objects of before', () => {
  described([one, two]);
  expect(view).toMatchObject({
    rows: knownRows([one, two]),
    inDoubt: false,
    loadBalancerId: 'lb-1',
    resyncAt: 300_000,
  });
  view.written([{ ...one }, three], []);
  expect(view.rows).toEqual(knownRows([one, three]));
  expect(view.rows?.[0]?.row).toBe(one);
});

describe.each<Doubt>(['contradiction', 'unknown-outcome', 'pending'])('in doubt for %s', (doubt) => {
  test('it is read, and that ends the doubt', () => {
    described([one]);
    view.doubt(doubt);
    expect(view).toMatchObject({ inDoubt: true, readReason: doubt });
    described([one]);
    expect(view).toMatchObject({ inDoubt: false, readReason: 'resync' });
  });

  test('nothing is presumed', () => {
    view.doubt(doubt);
    expect(view).toMatchObject({ inDoubt: true, mayPresume: false, readReason: 'first' });
  });
});

describe('a change that is under way', () => {
  test('is waited for when it is a job of ours, and read once that is over', () => {
    described([one]);
    view.waitFor(JOB, 500);
    expect(view.pending).toEqual({ job: JOB, lookAt: 500 });
    view.jobEnded('pending');
    expect(view).toMatchObject({ pending: undefined, inDoubt: true, readReason: 'pending' });
  });

  test("is looked at again when it is somebody else's", () => {
    described([one], true);
    expect(view).toMatchObject({ pending: { job: undefined, lookAt: 1_000 }, inDoubt: true });
    described([one, two]);
    expect(view).toMatchObject({ pending: undefined, inDoubt: false, rows: knownRows([one, two]) });
  });
});

describe('what others did', () => {
  test('is told by a resync, once it is put right', () => {
    described([one, two]);
    described([{ ...one, weight: 7 }, three]);
    const keys = [one, two, three].map(backendKey);
    expect(view.corrected(keys)).toEqual(['weight', 'missing', 'unexpected']);
    expect(view.corrected(keys)).toEqual([]);
  });

  test('is not told by any other read: our own writes are in doubt then', () => {
    described([one, two]);
    view.doubt('unknown-outcome');
    described([one]);
    expect(view.corrected([backendKey(two)])).toEqual([]);
  });
});
