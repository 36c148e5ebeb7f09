import defaultChain from '@alicloud/credentials/dist/src/providers/default.js';
import { expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import {
  type Credentials,
  type CredentialsProvider,
  createCredentialsSource,
  type RefreshRecord,
} from '../../../../src/alibaba/credentials/credentials.ts';
import { createCloudTime } from '../../../../src/alibaba/rpc/cloud-time.ts';
import { ApiError } from '../../../../src/cloud/api-error.ts';
import { failure } from '../rpc/local-api.ts';

const MINUTE = 60_000;

/** Sessions of an hour, numbered; `fail` makes the next loads fail. */
function setUp(options: { lifetimeMs?: number; reloadAfterMs?: number; refreshIntervalMs?: number } = {}) {
  const clock = new FakeClock();
  const records: RefreshRecord[] = [];
  const state = { loads: 0, fail: false, gate: undefined as Promise<void> | undefined };
  const provider: CredentialsProvider = {
    description: 'a test',
    ...(options.reloadAfterMs === undefined ? {} : { reloadAfterMs: options.reloadAfterMs }),
    ...(options.refreshIntervalMs === undefined ? {} : { refreshIntervalMs: options.refreshIntervalMs }),
    async load(): Promise<Credentials> {
      state.loads += 1;
      const id = `STS.${state.loads}`;
      await state.gate;
      if (state.fail) throw new Error('sts is down, AccessKeySecret=verysecret');
      const expiresAt = options.lifetimeMs === undefined ? undefined : clock.wall() + options.lifetimeMs;
      return { accessKeyId: id, accessKeySecret: 's', ...(expiresAt === undefined ? {} : { expiresAt }) };
    },
  };
  const cloudTime = createCloudTime(clock);
  const onRefresh = (record: RefreshRecord) => void records.push(record);
  const source = createCredentialsSource(provider, { clock, cloudTime, onRefresh });
  return { clock, cloudTime, records, state, source };
}

test('concurrent first calls share one load', async () => {
  const { source, state } = setUp();
  const all = await Promise.all(Array.from({ length: 20 }, () => source.get()));
  expect(new Set(all.map((credentials) => credentials.accessKeyId))).toEqual(new Set(['STS.1']));
  expect(state.loads).toBe(1);
});

test('a session is renewed a quarter of an hour before it ends, in the background', async () => {
  const { clock, source, state, records } = setUp({ lifetimeMs: 60 * MINUTE });
  await source.get();
  await clock.advance(45 * MINUTE - 1);
  expect(state.loads).toBe(1);
  await clock.advance(1);
  expect(state.loads).toBe(2);
  expect(await source.get()).toMatchObject({ accessKeyId: 'STS.2' });
  expect(source.expiresAt()).toBe(clock.wall() + 60 * MINUTE);
  expect(records).toMatchObject([
    { result: 'success', reason: 'needed', changed: true },
    { result: 'success', reason: 'renewal', changed: true },
  ]);
  source.close();
  expect(clock.pending).toBe(0);
});

test('while a renewal fails the old session serves until it ends, and renewals go on with back-off', async () => {
  const { clock, source, state, records } = setUp({ lifetimeMs: 60 * MINUTE });
  await source.get();
  state.fail = true;
  await clock.advance(50 * MINUTE);
  expect(await source.get()).toMatchObject({ accessKeyId: 'STS.1' });
  expect(state.loads).toBeGreaterThan(5);
  expect(state.loads).toBeLessThan(15);
  await clock.advance(10 * MINUTE);
  const error = await failure(source.get());
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ kind: 'credentials', code: 'CredentialsUnavailable', outcome: 'refused' });
  expect(JSON.stringify([error, records])).not.toContain('verysecret');
  state.fail = false;
  await clock.advance(MINUTE);
  expect((await source.get()).expiresAt).toBeGreaterThan(clock.wall());
  source.close();
});

test('one early failure is not for ever, and those who ask meanwhile do not each ask again', async () => {
  const { clock, source, state } = setUp();
  state.fail = true;
  await failure(source.get());
  for (let i = 0; i < 50; i++) await failure(source.get());
  expect(state.loads).toBe(1);
  state.fail = false;
  await clock.advance(1_000);
  expect(await source.get()).toMatchObject({ accessKeyId: 'STS.2' });
});

test('refresh loads anew, once for all who ask, and not again a moment later', async () => {
  const { clock, source, state } = setUp();
  await source.get();
  await clock.advance(10_000);
  await Promise.all(Array.from({ length: 20 }, () => source.refresh('InvalidSecurityToken.Expired')));
  expect(state.loads).toBe(2);
  await source.refresh('InvalidSecurityToken.Expired');
  expect(state.loads).toBe(2);
  await clock.advance(5_000);
  await source.refresh('InvalidSecurityToken.Expired');
  expect(state.loads).toBe(3);
});

test('what is cheap to load is loaded anew sooner', async () => {
  const { clock, source, state } = setUp({ refreshIntervalMs: 200 });
  await source.get();
  await source.refresh('InvalidAccessKeyId.NotFound');
  expect(state.loads).toBe(1);
  await clock.advance(200);
  await source.refresh('InvalidAccessKeyId.NotFound');
  expect(state.loads).toBe(2);
});

test('credentials that may change are read again, and only a change is told as one', async () => {
  const { clock, source, state, records } = setUp({ reloadAfterMs: 10_000 });
  await source.get();
  await clock.advance(10_000);
  expect(state.loads).toBe(2);
  expect(records.at(-1)).toMatchObject({ reason: 'renewal', changed: true });
  source.close();
});

test('a session that is born expired is not fetched by every call', async () => {
  const { source, state } = setUp({ lifetimeMs: -MINUTE });
  for (let i = 0; i < 20; i++) await source.get();
  expect(state.loads).toBe(1);
  source.close();
});

test.each([60, -60])(
  'a wall clock that jumps by %d minutes ends no session, prolongs none and has none fetched',
  async (minutes) => {
    const { clock, source, state } = setUp({ lifetimeMs: 60 * MINUTE });
    await source.get();
    clock.jump(minutes * MINUTE);
    expect(await source.get()).toMatchObject({ accessKeyId: 'STS.1' });
    await clock.advance(45 * MINUTE - 1);
    expect(await source.get()).toMatchObject({ accessKeyId: 'STS.1' });
    expect(state.loads).toBe(1);
    await clock.advance(1);
    expect(await source.get()).toMatchObject({ accessKeyId: 'STS.2' });
    state.fail = true;
    await clock.advance(60 * MINUTE);
    expect(await failure(source.get())).toMatchObject({ code: 'CredentialsUnavailable' });
    source.close();
  },
);

test('by a clock that is an hour ahead each session is born expired: used all the same, fetched once a minute', async () => {
  const { clock, source, state } = setUp({ lifetimeMs: -MINUTE });
  for (let i = 0; i < 10; i++) {
    await source.get();
    await clock.advance(MINUTE / 2);
  }
  expect(state.loads).toBe(6);
  source.close();
});

test('once the time of the cloud is known, sessions are renewed and end by it', async () => {
  const { clock, cloudTime, source, state } = setUp({ lifetimeMs: -MINUTE });
  const cloudNow = clock.wall() - 61 * MINUTE;
  cloudTime.onRefused(0, new Date(cloudNow).toUTCString());
  await source.get();
  await clock.advance(45 * MINUTE - 1);
  expect(state.loads).toBe(1);
  state.fail = true;
  await clock.advance(1);
  expect(state.loads).toBe(2);
  expect(await source.get()).toMatchObject({ accessKeyId: 'STS.1' });
  await clock.advance(15 * MINUTE);
  expect(await failure(source.get())).toMatchObject({ code: 'CredentialsUnavailable' });
  source.close();
});

test('a session in its last moments is not fetched anew by each call', async () => {
  const { source, state } = setUp({ lifetimeMs: 10_000 });
  for (let i = 0; i < 20; i++) await source.get();
  expect(state.loads).toBe(1);
  source.close();
});

test('get answers at once while a renewal is under way', async () => {
  const { clock, source, state } = setUp({ lifetimeMs: 60 * MINUTE });
  await source.get();
  const { promise, resolve } = Promise.withResolvers<void>();
  state.gate = promise;
  await clock.advance(46 * MINUTE);
  expect(state.loads).toBe(2);
  expect(await source.get()).toMatchObject({ accessKeyId: 'STS.1' });
  resolve();
  await settle();
  expect(await source.get()).toMatchObject({ accessKeyId: 'STS.2' });
  source.close();
});

/** Reasons not to use the vendor's default chain; these hold for @alicloud/credentials 2.4.7. */
interface Chain {
  providers: unknown[];
  getCredentials(): Promise<{ accessKeyId: string }>;
}

function vendorChain(
  ...providers: { getProviderName: () => string; getCredentials: () => Promise<unknown> }[]
): Chain {
  const chain = defaultChain.default.builder().build() as unknown as Chain;
  chain.providers = providers;
  return chain;
}

const GOOD = { accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 'token' };
const absent = {
  getProviderName: () => 'env',
  getCredentials: async () => {
    await settle();
    throw new Error('not set');
  },
};

test("the vendor's chain fails the second of two first calls", async () => {
  const chain = vendorChain(absent, { getProviderName: () => 'oidc', getCredentials: async () => GOOD });
  const [one, two] = await Promise.allSettled([chain.getCredentials(), chain.getCredentials()]);
  expect([one.status, two.status]).toEqual(['fulfilled', 'rejected']);
});

test("the vendor's chain never comes back from one failed pass", async () => {
  let down = true;
  const oidc = {
    getProviderName: () => 'oidc',
    getCredentials: async () => {
      if (down) throw new Error('down');
      return GOOD;
    },
  };
  const chain = vendorChain(oidc, absent);
  await expect(chain.getCredentials()).rejects.toThrow('unable');
  down = false;
  await expect(chain.getCredentials()).rejects.toThrow('not set');
});
