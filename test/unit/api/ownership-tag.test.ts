import { expect, test } from '@jest/globals';
import { ownershipTag } from '../../../src/api/ownership-tag.ts';

test('names the binding where it fits, as long as a description may be', () => {
  const tag = `vsgb/prod/shop/${'w'.repeat(65)}`;
  expect(tag).toHaveLength(80);
  expect(ownershipTag('prod', 'shop', 'w'.repeat(65), 80)).toBe(tag);
  expect(ownershipTag('prod', 'shop', 'w'.repeat(200), 256)).toBe(`vsgb/prod/shop/${'w'.repeat(200)}`);
});

test('holds a hash of the name where it does not, in letters that a description takes', () => {
  const tag = ownershipTag('prod', 'shop', 'w'.repeat(66), 80);
  expect(tag).toMatch(/^vsgb\/prod\/[0-9a-f]{32}$/);
  expect(ownershipTag('prod', 'shop', 'w'.repeat(67), 80)).not.toBe(tag);
});

test('the longest cluster id that --cluster-id takes leaves room for the hash', () => {
  expect(ownershipTag('c'.repeat(40), 'shop', 'w'.repeat(66), 80).length).toBeLessThanOrEqual(80);
});
