import { expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { createAssumableCredentials } from '../../../../src/alibaba/credentials/assumed-role.ts';
import type {
  Credentials,
  CredentialsProvider,
  RefreshRecord,
} from '../../../../src/alibaba/credentials/credentials.ts';
import { createApiError } from '../../../../src/alibaba/errors/errors.ts';
import type { Params } from '../../../../src/alibaba/rpc/rpc.ts';
import type { ErrorKind } from '../../../../src/cloud/api-error.ts';
import type { AssumedRole } from '../../../../src/cloud/group-ref.ts';
import { failure } from '../rpc/local-api.ts';

const ROLE = { roleArn: 'acs:ram::2:role/slb', externalId: 'shop/1' };
const HOUR = 3_600_000;

const refusal = (kind: ErrorKind, code: string, text: string) =>
  createApiError({ action: 'AssumeRole', code, kind, outcome: 'refused', text });

/** STS in memory: each call opens a session of an hour, unless `behave` throws. */
function setUp(load: CredentialsProvider['load'], extra: Partial<CredentialsProvider> = {}) {
  const clock = new FakeClock();
  const calls: { by: Credentials; action: string; params: Params }[] = [];
  const told: RefreshRecord[] = [];
  const sts = { behave: (_by: Credentials) => {} };
  const credentials = createAssumableCredentials(
    { description: 'an access key of the test', load, ...extra },
    (credentials) => async (action, params) => {
      const by = await credentials.get();
      calls.push({ by, action, params });
      sts.behave(by);
      const id = `STS.${calls.length}`;
      return {
        RequestId: 'R',
        Credentials: {
          ...{ AccessKeyId: id, AccessKeySecret: `secret of ${id}`, SecurityToken: `token of ${id}` },
          Expiration: new Date(clock.wall() + HOUR).toISOString(),
        },
      };
    },
    { clock, cloudTime: { now: () => clock.wall() } },
  );
  const needed = { is: true };
  const assume = (role: AssumedRole) =>
    credentials.assume(role, { onRefresh: (record) => void told.push(record), isNeeded: () => needed.is });
  const source = assume(ROLE);
  return { clock, calls, told, sts, source, assume, needed, [Symbol.dispose]: () => credentials.close() };
}

const key = (n: number): Credentials => ({ accessKeyId: `key-${n}`, accessKeySecret: `secret-${n}` });

test('a role is assumed with the credentials at hand and the external id, once for all who ask', async () => {
  using role = setUp(async () => key(1));
  const sessions = await Promise.all([role.source.get(), role.source.get(), role.source.get()]);
  expect(new Set(sessions.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['STS.1']));
  expect(role.calls).toEqual([
    {
      by: key(1),
      action: 'AssumeRole',
      params: {
        ...{ RoleArn: ROLE.roleArn, ExternalId: 'shop/1' },
        ...{ RoleSessionName: 'vservergroup-operator', DurationSeconds: 3600 },
      },
    },
  ]);
  expect(role.told).toEqual([
    expect.objectContaining({
      result: 'success',
      description: 'the RAM role acs:ram::2:role/slb, assumed with an access key of the test',
    }),
  ]);
});

test('a session is used for as long as it is good, and replaced before it ends', async () => {
  using role = setUp(async () => key(1));
  await role.source.get();
  await role.clock.advance(HOUR - 16 * 60_000);
  expect([(await role.source.get()).accessKeyId, role.calls.length]).toEqual(['STS.1', 1]);
  await role.clock.advance(2 * 60_000);
  expect([(await role.source.get()).accessKeyId, role.calls.length]).toEqual(['STS.2', 2]);
});

test('a session that the API refuses is replaced', async () => {
  using role = setUp(async () => key(1));
  await role.source.get();
  await role.clock.advance(60_000);
  await role.source.refresh('InvalidSecurityToken.Expired');
  expect((await role.source.get()).accessKeyId).toBe('STS.2');
});

test('a role that may not be assumed: told with the role and who assumes it', async () => {
  using role = setUp(async () => key(1));
  role.sts.behave = () => {
    throw refusal('denied', 'NoPermission', 'You are not authorized to do this action.');
  };
  const error = await failure(role.source.get());
  expect(error).toMatchObject({ kind: 'credentials', code: 'NoPermission' });
  expect(error.message).toContain(
    'no credentials from the RAM role acs:ram::2:role/slb, assumed with an access key of the test: You are not',
  );
  expect(error.hint.text).toContain('Allow sts:AssumeRole');
  role.sts.behave = () => {};
  await role.clock.advance(1_000);
  expect((await role.source.get()).accessKeyId).toBe('STS.2');
});

test('STS that fails is a failure that passes', async () => {
  using role = setUp(async () => key(1));
  role.sts.behave = () => {
    throw refusal('transient', 'ServiceUnavailable', 'down');
  };
  expect(await failure(role.source.get())).toMatchObject({ kind: 'transient' });
});

test('credentials that STS refuses are fetched anew, and the call is made again at once', async () => {
  let n = 1;
  using role = setUp(async () => key(n));
  await role.source.get();
  await role.clock.advance(60_000);
  n = 2;
  role.sts.behave = ({ accessKeyId }) => {
    if (accessKeyId === 'key-1') throw refusal('credentials', 'InvalidAccessKeyId.NotFound', 'not found');
  };
  await role.source.refresh('renewal');
  expect(role.calls.map(({ by }) => by.accessKeyId)).toEqual(['key-1', 'key-1', 'key-2']);
  expect((await role.source.get()).accessKeyId).toBe('STS.3');
});

test('a Secret that is corrected: the role is assumed at once, not at the end of the back-off', async () => {
  let n = 1;
  using role = setUp(async () => key(n), { reloadAfterMs: 10_000, refreshIntervalMs: 200 });
  role.sts.behave = ({ accessKeyId }) => {
    if (accessKeyId === 'key-1') throw refusal('denied', 'NoPermission', 'not authorized');
  };
  await failure(role.source.get());
  await role.clock.advance(10 * 60_000);
  await settle();
  const before = role.calls.length;
  n = 2;
  await role.clock.advance(10_000);
  await settle();
  expect(role.calls.slice(before).map(({ by }) => by.accessKeyId)).toContain('key-2');
  expect((await role.source.get()).securityToken).toMatch(/^token of STS/);
});

test('other credentials to assume it with, once nobody needs its sessions: the role is not assumed', async () => {
  let n = 1;
  using role = setUp(async () => key(n), { reloadAfterMs: 10_000, refreshIntervalMs: 200 });
  await role.source.get();
  role.needed.is = false;
  n = 2;
  await role.clock.advance(20_000);
  expect(role.calls).toHaveLength(1);
  expect((await role.source.get()).accessKeyId).toBe('STS.1');
});

test('the values of a session that is given up stay secrets: replies to its calls may still arrive', async () => {
  using role = setUp(async () => key(1));
  await role.source.get();
  role.needed.is = false;
  await role.clock.advance(HOUR);
  expect(role.source.expiresAt()).toBeUndefined();
  expect(role.source.secrets()).toContain('token of STS.1');
});

test('no credentials to assume it with: told what is missing', async () => {
  using role = setUp(async () => {
    throw new Error('no such file');
  });
  const error = await failure(role.source.get());
  expect(error).toMatchObject({ kind: 'credentials' });
  expect(error.message).toContain('no credentials from an access key of the test: no such file');
  expect(role.calls).toEqual([]);
});

test('the values of its sessions are secrets', async () => {
  using role = setUp(async () => key(1));
  await role.source.get();
  expect(role.source.secrets()).toEqual(
    expect.arrayContaining(['STS.1', 'secret of STS.1', 'token of STS.1']),
  );
});

test('several roles are assumed with one set of credentials, each with its own session', async () => {
  let loads = 0;
  using role = setUp(async () => key(++loads));
  const other = role.assume({ roleArn: 'acs:ram::3:role/slb' });
  await Promise.all([role.source.get(), other.get()]);
  expect(loads).toBe(1);
  expect(
    role.calls.map(({ by, params }) => [by.accessKeyId, params['RoleArn'], params['ExternalId']]),
  ).toEqual([
    ['key-1', 'acs:ram::2:role/slb', 'shop/1'],
    ['key-1', 'acs:ram::3:role/slb', undefined],
  ]);
  const [one, two] = [await role.source.get(), await other.get()];
  expect(one.accessKeyId).not.toBe(two.accessKeyId);
});

test('a session that is closed is not renewed any more, and the others are', async () => {
  using role = setUp(async () => key(1));
  const other = role.assume({ roleArn: 'acs:ram::3:role/slb' });
  await Promise.all([role.source.get(), other.get()]);
  role.source.close();
  await role.clock.advance(HOUR);
  expect(role.calls.slice(2).map(({ params }) => params['RoleArn'])).toEqual(['acs:ram::3:role/slb']);
});
