import { afterEach, expect, jest, test } from '@jest/globals';
import { freePorts } from '../../../../lab/control-plane/process/free-port.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

test('ports that were given are not given again, although nothing listens on them yet', async () => {
  const random = jest.spyOn(Math, 'random');
  random.mockReturnValueOnce(0.25);
  const first = await freePorts(6);
  random.mockReturnValueOnce(0.25);
  const second = await freePorts(6);
  expect(new Set([...first, ...second]).size).toBe(12);
});
