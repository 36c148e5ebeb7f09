import { expect, test } from '@jest/globals';
import { accountOfRole, groupName, roleKey, vServerGroup } from '../../../src/cloud/group-ref.ts';

const ROLE = { roleArn: 'acs:ram::1234567890123456:role/slb' };

test("a role's ARN says which account it is of", () => {
  expect(accountOfRole(ROLE)).toBe('1234567890123456');
});

test('a group of another account is named with it', () => {
  expect(groupName(vServerGroup('cn-hangzhou', 'rsp-1'))).toBe('vServer group rsp-1 (cn-hangzhou)');
  expect(groupName(vServerGroup('cn-hangzhou', 'rsp-1', { account: '2' }))).toBe(
    'vServer group rsp-1 (cn-hangzhou, account 2)',
  );
});

test('one role with two external ids is assumed in two ways', () => {
  const keys = [undefined, ROLE, { ...ROLE, externalId: 'a' }, { ...ROLE, externalId: 'b' }].map(roleKey);
  expect(new Set(keys).size).toBe(4);
});
