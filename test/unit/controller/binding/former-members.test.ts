import { expect, test } from '@jest/globals';
import type { BackendStatus } from '../../../../src/api/vservergroupbinding.ts';
import { FormerMembers } from '../../../../src/controller/binding/former-members.ts';
import { eniSlot } from '../../../../src/membership/backend.ts';
import { ecsMember, eniMember, members, undetermined } from '../../membership/builders.ts';

const wants = (...names: readonly string[]) => members(...names.map((name) => eniMember(name)));
const slot = (name: string) => eniSlot(`10.0.0.${name}`, 8080);

test('who has left is known by place until somebody is there again', () => {
  const former = new FormerMembers([]);
  expect(former.wants(wants('1', '2'), 1)).toEqual([]);
  expect(former.wants(wants('2'), 1)).toEqual([slot('1')]);
  expect(former.at(slot('1'))).toMatchObject({ podUID: 'uid-1' });
  expect(former.at(slot('2'))).toBeUndefined();
  expect(former.wants(wants('1', '2'), 1)).toEqual([]);
  expect(former.at(slot('1'))).toBeUndefined();
});

test('while nobody knows what is wanted nobody has left', () => {
  const former = new FormerMembers([]);
  former.wants(wants('1', '2'), 1);
  expect(former.wants(undetermined(), 1)).toEqual([]);
  expect(former.wants(wants('2'), 1)).toEqual([slot('1')]);
});

test('another spec begins anew', () => {
  const former = new FormerMembers([]);
  former.wants(wants('1', '2', '3'), 1);
  former.wants(wants('2', '3'), 1);
  expect(former.wants(wants('3'), 2)).toEqual([]);
  expect(['1', '2'].map((name) => former.at(slot(name)))).toEqual([undefined, undefined]);
});

test('a new process begins with what the status names, in the group or not', () => {
  const backend = { serverId: '', port: 8080, type: 'eni', weight: 100, state: 'Pending' } as const;
  const backends: BackendStatus[] = [{ ...backend, serverIp: '10.0.0.1', podUID: 'uid-1' }];
  const former = new FormerMembers(backends);
  expect(former.wants(wants('2'), 7)).toEqual([slot('1')]);
  expect(former.at(slot('1'))).toMatchObject({ podUID: 'uid-1' });
});

test('an instance stays where it is', () => {
  const former = new FormerMembers([]);
  former.wants(members(ecsMember('1')), 1);
  expect(former.wants(members(), 1)).toEqual([]);
});

test('of more than a thousand the oldest are forgotten', () => {
  const former = new FormerMembers([]);
  const names = Array.from({ length: 1_001 }, (_, i) => String(i));
  former.wants(wants(...names), 1);
  former.wants(wants(...names.slice(1)), 1);
  former.wants(members(), 1);
  expect(['0', '1', '1000'].map((name) => former.at(slot(name)) !== undefined)).toEqual([false, true, true]);
});
