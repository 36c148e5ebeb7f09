import { expect, test } from '@jest/globals';
import type { BackendStatus } from '../../../../src/api/vservergroupbinding.ts';
import { FormerMembers } from '../../../../src/controller/binding/former-members.ts';
import { ecsSlot, eniSlot, type Slot } from '../../../../src/membership/backend.ts';
import type { Desired } from '../../../../src/membership/desired/member.ts';
import { ecsMember, eniMember, members, undetermined } from '../../membership/builders.ts';

const wants = (...names: readonly string[]) => members(...names.map((name) => eniMember(name)));
const slot = (name: string) => eniSlot(`10.0.0.${name}`, 8080);
const GENERATION = 1;

/** Passes the wanted members of one binding in turn; returns the places that the last one leaves. */
function leavers(former: FormerMembers, ...wanted: readonly Desired[]): readonly Slot[] {
  let leaving: readonly Slot[] = [];
  for (const desired of wanted) {
    leaving = former.leaving(desired, GENERATION).map((member) => member.slot);
    former.take(desired, GENERATION);
  }
  return leaving;
}

test('who has left is known by place until somebody is there again', () => {
  const former = new FormerMembers([], GENERATION);
  expect(leavers(former, wants('1', '2'))).toEqual([]);
  expect(leavers(former, wants('2'))).toEqual([slot('1')]);
  expect(former.at(slot('1'))).toMatchObject({ podUID: 'uid-1' });
  expect(former.at(slot('2'))).toBeUndefined();
  expect(leavers(former, wants('1', '2'))).toEqual([]);
  expect(former.at(slot('1'))).toBeUndefined();
});

test('who is looked for is so until the group was read a second later, or it is wanted again', () => {
  const former = new FormerMembers([], GENERATION);
  const looksFor = () => former.unlooked.map((member) => member.slot);
  const leave = (desired: Desired, at: number) => {
    former.lookFor(former.leaving(desired, GENERATION), at);
    former.take(desired, GENERATION);
  };
  leave(wants('1', '2', '3'), 0);
  leave(wants('3'), 0);
  expect(looksFor()).toEqual([slot('1'), slot('2')]);
  leave(wants('2', '3'), 0);
  expect(looksFor()).toEqual([slot('1')]);
  leave(wants('2'), 400);
  former.looked(1_000);
  expect(looksFor()).toEqual([slot('3')]);
  former.looked(1_400);
  expect(looksFor()).toEqual([]);
});

test('asking who leaves changes nothing', () => {
  const former = new FormerMembers([], GENERATION);
  former.take(wants('1'), GENERATION);
  for (let i = 0; i < 2; i++) expect(former.leaving(wants(), GENERATION)).toHaveLength(1);
  expect(former.at(slot('1'))).toBeUndefined();
});

test('while it is not determined what is wanted, what the Service gives all the same has not left', () => {
  const former = new FormerMembers([], GENERATION);
  expect(leavers(former, wants('1', '2'), undetermined(eniMember('2')))).toEqual([slot('1')]);
  expect(leavers(former, undetermined())).toEqual([slot('2')]);
  expect(leavers(former, wants('2'))).toEqual([]);
  expect(['1', '2'].map((name) => former.at(slot(name)) !== undefined)).toEqual([true, false]);
});

test('by another spec nobody leaves, and who has left is not forgotten', () => {
  const former = new FormerMembers([], GENERATION);
  leavers(former, wants('1', '2', '3'));
  former.lookFor(former.leaving(wants('2', '3'), GENERATION), 0);
  leavers(former, wants('2', '3'));
  expect(former.leaving(wants('3'), GENERATION + 1)).toEqual([]);
  former.take(wants('3'), GENERATION + 1);
  expect(['1', '2'].map((name) => former.at(slot(name)) !== undefined)).toEqual([true, false]);
  expect(former.unlooked.map((member) => member.slot)).toEqual([slot('1')]);
});

const backend = { serverId: '', port: 8080, type: 'eni', weight: 100, state: 'Pending' } as const;
const BACKENDS: readonly BackendStatus[] = [{ ...backend, serverIp: '10.0.0.1', podUID: 'uid-1' }];

test('a new process begins with what the status names, in the group or not', () => {
  const former = new FormerMembers(BACKENDS, GENERATION);
  expect(leavers(former, wants('2'))).toEqual([slot('1')]);
  expect(former.at(slot('1'))).toMatchObject({ podUID: 'uid-1' });
});

test('but not when the spec has changed since', () => {
  const former = new FormerMembers(BACKENDS, GENERATION - 1);
  expect(leavers(former, wants('2'))).toEqual([]);
  expect(former.at(slot('1'))).toBeUndefined();
});

const instance = { ...backend, type: 'ecs', serverId: 'i-n1', state: 'Registered', node: 'n1' } as const;
const onHost = { ip: '192.168.0.1', pod: 'a', podUID: 'uid-a' };
test.each([
  ['an instance is remembered', [ecsMember('n1', { port: 8080 })], []],
  ['… from the status too', [], [instance]],
])('%s', (_, before, backends) => {
  const former = new FormerMembers(backends, GENERATION);
  if (before.length > 0) leavers(former, members(...before));
  expect(leavers(former, members())).toEqual([ecsSlot('i-n1', 8080)]);
  expect(former.at(ecsSlot('i-n1', 8080))).toMatchObject({ node: 'n1' });
});

test.each([
  ['of a pod with hostNetwork nothing is remembered', [ecsMember('n1', { port: 8080, ...onHost })], []],
  ['… nor from the status', [], [{ ...instance, pod: 'a', podUID: 'uid-a' }]],
])('%s', (_, before, backends) => {
  const former = new FormerMembers(backends, GENERATION);
  if (before.length > 0) leavers(former, members(...before));
  expect(leavers(former, members())).toEqual([]);
});

test('of more than a thousand the oldest are forgotten', () => {
  const former = new FormerMembers([], GENERATION);
  const names = Array.from({ length: 1_001 }, (_, i) => String(i));
  leavers(former, wants(...names), wants(...names.slice(1)), members());
  expect(['0', '1', '1000'].map((name) => former.at(slot(name)) !== undefined)).toEqual([false, true, true]);
});
