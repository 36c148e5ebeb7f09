import { expect, test } from '@jest/globals';
import { outcomeOf } from '../../../../src/controller/group/outcome.ts';
import { apiError } from './fake-cloud.ts';

test('an address that no name server knows is asked for again soon: it may be the name server that fails', () => {
  expect(outcomeOf(apiError('transient', 'ENOTFOUND'))).toMatchObject({
    stalled: false,
    retry: { capMs: 1_600 },
  });
});
