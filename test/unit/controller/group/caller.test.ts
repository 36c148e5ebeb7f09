import { expect, test } from '@jest/globals';
import type { Granted } from '../../../../src/controller/binding/granted.ts';
import { transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import type { Bound } from '../../../../src/controller/group/bound.ts';
import { rolesToCallWith } from '../../../../src/controller/group/caller.ts';

/** A binding that names the role `role`, created at this second. */
function bound(role: string | undefined, second: number, is: Granted['is'], hasClaim = true) {
  const metadata = {
    namespace: 'shop',
    name: `of-${role}`,
    creationTimestamp: `2026-01-01T00:00:0${second}Z`,
  };
  const granted = {
    is,
    namespace: 'shop',
    unreadable: [],
    role: role === undefined ? undefined : { roleArn: role },
  };
  const claim = hasClaim ? ({} as Bound['claim']) : undefined;
  return { object: transformBinding({ metadata, spec: {} }), granted, claim };
}

const rolesOf = (...all: readonly ReturnType<typeof bound>[]) =>
  rolesToCallWith(all).map(({ roleArn }) => roleArn);

test('only the roles of bindings that are granted the group count, each by age', () => {
  const all = [bound('a', 1, 'none'), bound('b', 2, 'undecided'), bound('c', 4, 'exclusive')];
  expect(rolesOf(...all, bound('d', 3, 'shared'))).toEqual(['d', 'c']);
});

test('without one, those count whose grant is undecided, then those without a grant, each by age', () => {
  const all = [bound('a', 3, 'none'), bound('b', 2, 'unknown'), bound('c', 5, 'undecided')];
  expect(rolesOf(...all, bound('d', 4, 'undecided'))).toEqual(['d', 'c', 'b', 'a']);
});

test('of the same age, the first by name comes first', () => {
  expect(rolesOf(bound('b', 1, 'shared'), bound('a', 1, 'shared'))).toEqual(['a', 'b']);
});

test('a binding without a claim, or a role that may be assumed, does not count', () => {
  expect(rolesOf(bound('a', 1, 'undecided', false), bound('b', 1, 'no role'))).toEqual([]);
  expect(rolesOf(bound(undefined, 1, 'exclusive'))).toEqual([]);
});

test('a role that several bindings name is one', () => {
  expect(rolesOf(bound('a', 1, 'none'), bound('b', 2, 'none'), bound('a', 3, 'undecided'))).toEqual([
    'a',
    'b',
  ]);
});
