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

test.each([
  ['nothing is lost', 4, lost(), []],
  ['less than the share leaves', 6, lost(2), []],
  ['all that is left stays', 0, lost(2, 1), ['n1/1', 'n1/2', 'n2/1']],
  ['more than the share: those that are lost for longest leave', 1, lost(1, 1, 1), ['n3/1']],
  ['a node leaves whole or not at all', 1, lost(3, 1), ['n1/1', 'n1/2', 'n1/3']],
])('%s', (_name, reachable, unreachable, staying) => {
  expect(
    stayingUnreachable({ reachable, doubtful: 0 }, unreachable, { unreadyShare: 0.55, ...NOBODY_KEPT }),
  ).toEqual(staying);
});

test('with a share of 0 nobody leaves, with 1 all but the last', () => {
  expect(
    stayingUnreachable({ reachable: 1, doubtful: 0 }, lost(1, 1), { unreadyShare: 0, ...NOBODY_KEPT }),
  ).toHaveLength(2);
  expect(
    stayingUnreachable({ reachable: 1, doubtful: 0 }, lost(1, 1), { unreadyShare: 1, ...NOBODY_KEPT }),
  ).toEqual([]);
  expect(
    stayingUnreachable({ reachable: 0, doubtful: 0 }, lost(1, 1), { unreadyShare: 1, ...NOBODY_KEPT }),
  ).toHaveLength(2);
});

test('those whose node is Ready again stay until their pods should be, and not for other reasons', () => {
  const since = (readyChangedAt: number) =>
    lost(1).map(({ of, node }) => ({ of, node: { ...node, ready: true, readyChangedAt } }));
  const back = since(NOW - 14_999);
  expect(
    stayingUnreachable({ reachable: 3, doubtful: 0 }, since(NOW - 15_000), {
      unreadyShare: 0.55,
      ...NOBODY_KEPT,
    }),
  ).toEqual([]);
  expect(
    stayingUnreachable({ reachable: 0, doubtful: 0 }, since(0), { unreadyShare: 0.55, ...NOBODY_KEPT }),
  ).toEqual([]);
  expect(
    stayingUnreachable({ reachable: 3, doubtful: 0 }, back, { unreadyShare: 0.55, ...NOBODY_KEPT }),
  ).toEqual(['n1/1']);
  expect(
    stayingUnreachable({ reachable: 0, doubtful: 0 }, [...back, ...lost(0, 1)], {
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
      const staying = stayingUnreachable({ reachable, doubtful: 0 }, all, {
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
    stayingUnreachable({ reachable: 3, doubtful: 0 }, lost(1, 1), {
      ...NOBODY_KEPT,
      unreadyShare: 0.55,
      keptNodes,
      now,
    });
  expect(staying(NOW)).toEqual(['n2/1']);
  expect(staying(1001 + 10 * 60_000)).toEqual([]);
});

test('a node that has just been lost takes nothing out; when its time is over, nobody changes places with it', () => {
  const at = (now: number) =>
    stayingUnreachable({ reachable: 1, doubtful: 0 }, lost(1, 1, 1), {
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
    stayingUnreachable({ reachable, doubtful }, lost(1, 1), { ...NOBODY_KEPT, unreadyShare: 0.55 });
  expect(staying(0, 2)).toEqual(['n1/1', 'n2/1']);
  expect(staying(1, 1)).toEqual([]);
});
