import { expect, test } from '@jest/globals';
import { outcomeOf } from '../../../../src/controller/group/outcome.ts';

test.each([
  ['configuration', 'InvalidParameter', 'UnknownRegion'],
  ['configuration', 'InvalidRegionId', 'UnknownRegion'],
  ['transient', 'ENOTFOUND', 'UnknownRegion'],
  ['configuration', 'AmbiguousAddress', 'VpcUnknown'],
  ['configuration', 'LbStatusNotSupport', 'LoadBalancerNotReady'],
  ['bug', 'InvalidParameter', 'InternalError'],
  ['transient', 'ECONNRESET', 'ApiUnavailable'],
] as const)('%s, %s: the condition says %s', (kind, code, reason) => {
  expect(outcomeOf({ kind, code }).reason).toBe(reason);
});

test('an address that no name server knows is asked for again soon: it may be the name server that fails', () => {
  expect(outcomeOf({ kind: 'transient', code: 'ENOTFOUND' })).toMatchObject({
    stalled: false,
    retry: { capMs: 1_600 },
  });
});
