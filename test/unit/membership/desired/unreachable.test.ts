import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stayingUnreachable, type Unreachable } from '../../../../src/membership/desired/unreachable.ts';

const NOW = 100_000;

/** As many as the numbers say, on a node each; those of n1 are lost for longest. */
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
  expect(stayingUnreachable(reachable, unreachable, { unreadyShare: 0.55, now: NOW })).toEqual(staying);
});

test('with a share of 0 nobody leaves, with 1 all but the last', () => {
  expect(stayingUnreachable(1, lost(1, 1), { unreadyShare: 0, now: NOW })).toHaveLength(2);
  expect(stayingUnreachable(1, lost(1, 1), { unreadyShare: 1, now: NOW })).toEqual([]);
  expect(stayingUnreachable(0, lost(1, 1), { unreadyShare: 1, now: NOW })).toHaveLength(2);
});

test('those whose node is Ready again stay until their pods should be, and not for other reasons', () => {
  const since = (readyChangedAt: number) =>
    lost(1).map(({ of, node }) => ({ of, node: { ...node, ready: true, readyChangedAt } }));
  const back = since(NOW - 14_999);
  expect(stayingUnreachable(3, since(NOW - 15_000), { unreadyShare: 0.55, now: NOW })).toEqual([]);
  expect(stayingUnreachable(0, since(0), { unreadyShare: 0.55, now: NOW })).toEqual([]);
  expect(stayingUnreachable(3, back, { unreadyShare: 0.55, now: NOW })).toEqual(['n1/1']);
  expect(stayingUnreachable(0, [...back, ...lost(0, 1)], { unreadyShare: 0.55, now: NOW })).toEqual(['n1/1']);
});

test('never more than the share leave, never the last; who has left stays out when more nodes follow', () => {
  const counts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(10), counts, fc.double({ min: 0, max: 1, noNaN: true }), (reachable, list, share) => {
      const all = lost(...list);
      const staying = stayingUnreachable(reachable, all, { unreadyShare: share, now: NOW });
      const left = all.length - staying.length;
      expect(left).toBeLessThanOrEqual((reachable + all.length) * share);
      expect(reachable + staying.length).toBeGreaterThan(0);
    }),
  );
});
