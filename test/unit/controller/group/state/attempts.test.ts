import { beforeEach, describe, expect, test } from '@jest/globals';
import { Attempts } from '../../../../../src/controller/group/state/attempts.ts';
import { backendKey, knownRow } from '../../../../../src/membership/backend.ts';
import type { Batch } from '../../../../../src/membership/plan/batches.ts';
import { eniMember } from '../../../membership/builders.ts';
import { addresses, ownRow } from '../cluster.ts';
import { apiError } from '../fake-cloud.ts';

/** Without randomness, the length of each pause is fixed. */
const NO_CHANCE = () => 0;
const BAD = apiError('badBackend', 'ObtainIpFail');
const BUSY = apiError('busy', 'SystemBusy');

let attempts: Attempts;

beforeEach(() => {
  attempts = new Attempts(NO_CHANCE);
});

const change = (ip: string) => ({ row: ownRow(ip), key: backendKey(ownRow(ip)), claim: 'shop/web' });
const key = (ip: string) => change(ip).key;
const batch = (action: Batch['action'], ...ips: string[]): Batch => ({
  action,
  changes: ips.map(change),
  urgent: action === 'remove',
});
const [first = '', second = '', third = ''] = addresses(3);

describe('an action that fails', () => {
  test('backs off for longer each time, up to the cap, and by itself only', () => {
    const pauses = Array.from({ length: 7 }, () => attempts.fail('add', BUSY, 0).retryAt);
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 1_600, 1_600]);
    expect(attempts.backsOffUntil('add')).toBe(1_600);
    expect(attempts.backsOffUntil('remove')).toBe(Number.NEGATIVE_INFINITY);
  });

  test('begins anew once it succeeded', () => {
    attempts.fail('add', BUSY, 0);
    attempts.fail('add', BUSY, 0);
    attempts.done(batch('add', first));
    expect(attempts.fail('add', BUSY, 0)).toMatchObject({ attempts: 1, retryAt: 100 });
  });

  test('for want of room goes on once something is removed; nothing else does', () => {
    attempts.fail('add', apiError('quota', 'BackendServerNumberOverLimit'), 0);
    attempts.fail('set', BUSY, 0);
    attempts.done(batch('remove', first));
    expect([...attempts.failures.keys()]).toEqual(['set']);
  });

  test('for want of credentials is forgotten when there are others; nothing else is', () => {
    attempts.fail('add', apiError('credentials', 'InvalidAccessKeyId.NotFound'), 0);
    attempts.fail('set', BUSY, 0);
    expect(attempts.forgetWantOfCredentials()).toBe(true);
    expect([...attempts.failures.keys()]).toEqual(['set']);
    expect(attempts.forgetWantOfCredentials()).toBe(false);
  });

  test('and is not needed any more is no failure; a read that failed is one', () => {
    for (const action of ['describe', 'add', 'remove'] as const) attempts.fail(action, BUSY, 0);
    attempts.forgetNeedless([batch('remove', first)], [knownRow(ownRow(first))], [], 0);
    expect([...attempts.failures.keys()]).toEqual(['describe', 'remove']);
  });
});

describe('a backend that is refused', () => {
  test('waits for its next try, for longer each time, and only for what was refused', () => {
    const pauses = Array.from({ length: 7 }, () => attempts.refuse('set', change(first), BAD, 0).retryAt);
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(attempts.isRefused(key(first), 'set', 59_999)).toBe(true);
    expect(attempts.isRefused(key(first), 'set', 60_000)).toBe(false);
    expect(attempts.isRefused(key(first), 'remove', 0)).toBe(false);
    expect(attempts.refuse('remove', change(first), BAD, 0)).toMatchObject({ attempts: 1 });
  });

  test('the first to be tried again is found', () => {
    attempts.refuse('add', change(first), BAD, 1_000);
    attempts.refuse('add', change(second), apiError('badBackend', 'InvalidServerId.NotFound'), 0);
    expect(attempts.nextRetry(500)?.row).toEqual(ownRow(second));
    expect(attempts.nextRetry(2_500)?.row).toEqual(ownRow(first));
    expect(attempts.nextRetry(3_000)).toBeUndefined();
  });

  test('is forgotten when it is neither in the group nor waits to be', () => {
    for (const ip of [first, second, third]) attempts.refuse('add', change(ip), BAD, 0);
    attempts.split(batch('add', first, second, third), BAD);
    attempts.forgetNeedless([], [knownRow(ownRow(first))], [{ pending: [eniMember('2')] }], 0);
    expect([...attempts.refusals.keys()]).toEqual([key(first), key(second)]);
    expect([first, second, third].map((ip) => attempts.cohortOf(key(ip)) !== undefined)).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('is forgotten when it is in the group, and not tried again when its time has come', () => {
    for (const ip of [first, second]) attempts.refuse('remove', change(ip), BAD, 0);
    attempts.refuse('set', change(third), BAD, 0);
    const rows = [first, second, third].map((ip) => knownRow(ownRow(ip)));
    attempts.forgetNeedless([], rows, [], 1_999);
    expect(attempts.refusals.size).toBe(3);
    attempts.forgetNeedless([batch('remove', first)], rows, [], 2_000);
    expect([...attempts.refusals.keys()]).toEqual([key(first)]);
    expect(attempts.cohortOf(key(third))).toBeUndefined();
  });
});

describe('a refused batch', () => {
  const cohorts = (ips: readonly string[]) => ips.map((ip) => attempts.cohortOf(key(ip)));

  test('goes on in halves, each of its own', () => {
    const ips = addresses(5);
    attempts.split(batch('add', ...ips), BAD);
    expect(cohorts(ips)).toEqual([1, 1, 1, 2, 2]);
    attempts.split(batch('add', ...ips.slice(3)), BAD);
    expect(cohorts(ips)).toEqual([1, 1, 1, 3, 4]);
  });

  test('of which the message names one row has that one alone', () => {
    const ips = addresses(5);
    attempts.split(batch('add', ...ips), apiError('badBackend', 'X', 'refused', `eni-${ips[2]} is gone.`));
    expect(cohorts(ips)).toEqual([2, 2, 1, 2, 2]);
  });

  test('is whole again once its pieces are done, or a binding was changed', () => {
    attempts.split(batch('add', first, second, third), BAD);
    attempts.done(batch('add', first, second));
    expect(cohorts([first, second])).toEqual([undefined, undefined]);
    attempts.forget();
    expect(cohorts([third])).toEqual([undefined]);
  });
});

describe('backends that are refused alike', () => {
  const UNFIT = apiError('unfitBackend', 'NetworkConflict');
  const refuse = (ip: string, now: number, error = UNFIT) => attempts.refuse('add', change(ip), error, now);
  const retryAt = (...ips: string[]) => ips.map((ip) => attempts.refusals.get(key(ip))?.retryAt);

  test('are tried again together, soon after the newest of them', () => {
    refuse(first, 0);
    refuse(second, 500);
    refuse(third, 600, BAD);
    expect(retryAt(first, second, third)).toEqual([2_500, 2_500, 2_600]);
    expect(attempts.cohortOf(key(first))).toBe(attempts.cohortOf(key(second)));
    expect(attempts.cohortOf(key(third))).not.toBe(attempts.cohortOf(key(first)));
  });

  test('and again as a whole wait longer; of them one is tried alone before, each time another', () => {
    for (const ip of [first, second, third]) refuse(ip, 0);
    const again = batch('add', first, second, third);
    expect(attempts.isKnown(again, UNFIT)).toBe(true);
    expect(attempts.refuseAgain(again, UNFIT, 2_000)).toMatchObject({ attempts: 2, retryAt: 6_000 });
    expect(retryAt(first, second, third)).toEqual([2_000, 6_000, 6_000]);
    refuse(first, 2_000);
    expect(retryAt(first, second, third)).toEqual([6_000, 6_000, 6_000]);
    expect(attempts.refuseAgain(again, UNFIT, 6_000)).toMatchObject({ attempts: 3, retryAt: 14_000 });
    expect(retryAt(first, second, third)).toEqual([14_000, 6_000, 14_000]);
  });

  test('are tried at once when one of them is taken', () => {
    for (const ip of [first, second]) refuse(ip, 0);
    attempts.done(batch('add', first));
    expect(attempts.isRefused(key(second), 'add', 0)).toBe(false);
  });

  test('are not known for another reason, nor with one that was not refused', () => {
    for (const ip of [first, second]) refuse(ip, 0);
    expect(attempts.isKnown(batch('add', first, second), BAD)).toBe(false);
    expect(attempts.isKnown(batch('add', first, third), UNFIT)).toBe(false);
    expect(attempts.isKnown(batch('remove', first, second), UNFIT)).toBe(false);
  });

  test('are removed each for itself', () => {
    attempts.refuse('remove', change(first), BAD, 0);
    attempts.refuse('remove', change(second), BAD, 500);
    expect(retryAt(first, second)).toEqual([2_000, 2_500]);
    expect([first, second].map((ip) => attempts.cohortOf(key(ip)))).toEqual([undefined, undefined]);
  });
});
