import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stayingUnreachable, type Unreachable } from '../../../../src/membership/desired/unreachable.ts';

const NOW = 100_000;
const NOBODY_KEPT = { keptNodes: new Set<string>(), unreadyToleranceMs: 10_000, now: NOW };

/** As many unreachable pods as the numbers say, one number per node; those of n1 have been lost longest. */
function lost(...counts: readonly number[]): readonly Unreachable<string>[] {
  return counts.flatMap((count, i) =>
    Array.from({ length: count }, (_, j) => ({
      of: `n${i + 1}/${j + 1}`,
      node: { name: `n${i + 1}`, ready: false, readyChangedAt: 1000 + i },
    })),
  );
}

const others = (reachable: number, doubtful = 0) => ({
  readySince: Array.from({ length: reachable }, () => 0),
  doubtful,
});

test.each([
  ['nothing is lost', 4, lost(), []],
  ['less than the share leaves', 6, lost(2), []],
  ['all that is left stays', 0, lost(2, 1), ['n1/1', 'n1/2', 'n2/1']],
  ['more than the share: those that are lost for longest leave', 1, lost(1, 1, 1), ['n3/1']],
  ['a node leaves whole or not at all', 1, lost(3, 1), ['n1/1', 'n1/2', 'n1/3']],
])('%s', (_name, reachable, unreachable, staying) => {
  expect(stayingUnreachable(others(reachable), unreachable, { unreadyShare: 0.55, ...NOBODY_KEPT })).toEqual(
    staying,
  );
});

test('with a share of 0 nobody leaves, with 1 all but the last', () => {
  expect(stayingUnreachable(others(1), lost(1, 1), { unreadyShare: 0, ...NOBODY_KEPT })).toHaveLength(2);
  expect(stayingUnreachable(others(1), lost(1, 1), { unreadyShare: 1, ...NOBODY_KEPT })).toEqual([]);
  expect(stayingUnreachable(others(0), lost(1, 1), { unreadyShare: 1, ...NOBODY_KEPT })).toHaveLength(2);
});

test('those whose node is Ready again stay until their pods should be, and not for other reasons', () => {
  const since = (readyChangedAt: number) =>
    lost(1).map(({ of, node }) => ({ of, node: { ...node, ready: true, readyChangedAt } }));
  const back = since(NOW - 14_999);
  expect(
    stayingUnreachable(others(3), since(NOW - 15_000), {
      unreadyShare: 0.55,
      ...NOBODY_KEPT,
    }),
  ).toEqual([]);
  expect(stayingUnreachable(others(0), since(0), { unreadyShare: 0.55, ...NOBODY_KEPT })).toEqual([]);
  expect(stayingUnreachable(others(3), back, { unreadyShare: 0.55, ...NOBODY_KEPT })).toEqual(['n1/1']);
  expect(
    stayingUnreachable(others(0), [...back, ...lost(0, 1)], {
      unreadyShare: 0.55,
      ...NOBODY_KEPT,
    }),
  ).toEqual(['n1/1']);
});

test('never more than the share leave, never the last; who has left stays out when more nodes follow', () => {
  const counts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(10), counts, fc.double({ min: 0, max: 1, noNaN: true }), (reachable, list, share) => {
      const all = lost(...list);
      const staying = stayingUnreachable(others(reachable), all, {
        unreadyShare: share,
        ...NOBODY_KEPT,
      });
      const left = all.length - staying.length;
      expect(left).toBeLessThanOrEqual((reachable + all.length) * share);
      expect(reachable + staying.length).toBeGreaterThan(0);
    }),
  );
});

test('who stayed goes on to stay while the others come back, for ten minutes', () => {
  const keptNodes = new Set(['n2']);
  const staying = (now: number) =>
    stayingUnreachable(others(3), lost(1, 1), {
      ...NOBODY_KEPT,
      unreadyShare: 0.55,
      keptNodes,
      now,
    });
  expect(staying(NOW)).toEqual(['n2/1']);
  expect(staying(1001 + 10 * 60_000)).toEqual([]);
});

test('the ten minutes begin with the first node that returns, however long all of them were lost', () => {
  const first = 12 * 60_000;
  const staying = (now: number) =>
    stayingUnreachable({ readySince: [first, first + 60_000], doubtful: 0 }, lost(1, 1, 1), {
      ...NOBODY_KEPT,
      unreadyShare: 0.55,
      keptNodes: new Set(['n1', 'n2', 'n3']),
      now,
    });
  expect(staying(first + 599_999)).toEqual(['n1/1', 'n2/1', 'n3/1']);
  expect(staying(first + 600_000)).toEqual(['n3/1']);
});

test('all are lost for any time and return one by one within ten minutes: nobody leaves', () => {
  const pauses = fc.array(fc.nat(60_000), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(fc.nat(3_600_000), pauses, (ms, list) => {
      const all = lost(...list.map(() => 1), 1);
      const readySince: number[] = [];
      let now = NOW + ms;
      for (const [i, pause] of list.entries()) {
        now += pause;
        readySince.push(now);
        const left = all.slice(i + 1);
        const keptNodes = new Set(left.map(({ node }) => node.name));
        const input = { ...NOBODY_KEPT, unreadyShare: 0.55, keptNodes, now };
        expect(stayingUnreachable({ readySince, doubtful: 0 }, left, input)).toHaveLength(left.length);
      }
    }),
  );
});

test('a node that has just been lost takes nothing out; when its time is over, nobody changes places with it', () => {
  const at = (now: number) =>
    stayingUnreachable(others(1), lost(1, 1, 1), {
      ...NOBODY_KEPT,
      unreadyShare: 0.55,
      now,
    });
  expect(at(1000 + 9_999)).toEqual(['n1/1', 'n2/1', 'n3/1']);
  expect(at(1000 + 10_000)).toEqual(['n2/1', 'n3/1']);
  expect(at(1002 + 10_000)).toEqual(['n3/1']);
});

test('pods that are still ready on nodes that are lost count among all, and for nobody who is left', () => {
  const staying = (reachable: number, doubtful: number) =>
    stayingUnreachable(others(reachable, doubtful), lost(1, 1), { ...NOBODY_KEPT, unreadyShare: 0.55 });
  expect(staying(0, 2)).toEqual(['n1/1', 'n2/1']);
  expect(staying(1, 1)).toEqual([]);
});
