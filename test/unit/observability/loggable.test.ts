import { expect, test } from '@jest/globals';
import { loggable } from '../../../src/observability/loggable.ts';

test('fields named like a secret are masked, at any depth; numbers are not secrets', () => {
  expect(
    loggable({ config: { accessKeySecret: 'x', 'client-key': 'y', tokens: 5 }, group: 'rsp-1' }),
  ).toEqual({
    config: { accessKeySecret: '[redacted]', 'client-key': '[redacted]', tokens: 5 },
    group: 'rsp-1',
  });
});
