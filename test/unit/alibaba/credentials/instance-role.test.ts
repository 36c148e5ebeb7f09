import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import { instanceRoleProvider } from '../../../../src/alibaba/credentials/credential-providers.ts';
import {
  createCredentialsSource,
  type RefreshRecord,
} from '../../../../src/alibaba/credentials/credentials.ts';
import { createCloudTime } from '../../../../src/alibaba/rpc/cloud-time.ts';
import { MetadataService, redirectMetadata } from '../../../environment/cloud/metadata-service.ts';
import { failure } from '../rpc/local-api.ts';

const MINUTE = 60_000;
const LIFETIME_MS = 6 * 60 * MINUTE;
const ENV = ['ALIBABA_CLOUD_IMDSV1_DISABLED', 'ALIBABA_CLOUD_ECS_METADATA_DISABLED'];

let service: MetadataService;
let restore: () => void;
let clock: FakeClock;
let port: number;

const sessionOf = (n: number, expiresAt: number) => ({
  AccessKeyId: `STS.${n}`,
  AccessKeySecret: `secret-of-session-${n}`,
  SecurityToken: `token-of-session-${n}`,
  Expiration: `${new Date(expiresAt).toISOString().slice(0, 19)}Z`,
});

beforeEach(async () => {
  clock = new FakeClock(0, Math.ceil(Date.now() / 1000) * 1000);
  service = await MetadataService.start((n) => sessionOf(n, clock.wall() + LIFETIME_MS));
  port = service.port;
  restore = redirectMetadata(() => port);
});
afterEach(async () => {
  restore();
  for (const name of ENV) delete process.env[name];
  await service[Symbol.asyncDispose]();
});

function source(roleName?: string) {
  const records: RefreshRecord[] = [];
  const onRefresh = (record: RefreshRecord) => void records.push(record);
  const options = { clock, cloudTime: createCloudTime(clock), onRefresh };
  const made = createCredentialsSource(instanceRoleProvider(roleName), options);
  return Object.assign(made, { records, [Symbol.dispose]: () => made.close() });
}

/** The message of the error without credentials; checks that the error contains nothing of any session. */
async function refusal(roleName?: string): Promise<string> {
  using credentials = source(roleName);
  const error = await failure(credentials.get());
  expect(error).toMatchObject({ kind: 'credentials', code: 'CredentialsUnavailable', outcome: 'refused' });
  const shown = JSON.stringify([error, credentials.records, error.stack, error.cause]);
  for (const secret of ['STS.', 'secret-of', 'token-of']) expect(shown).not.toContain(secret);
  return error.message;
}

test('the role is asked for by name, then its session, with a token each time', async () => {
  const loaded = await instanceRoleProvider(undefined).load();
  expect(loaded).toEqual({
    accessKeyId: 'STS.1',
    accessKeySecret: 'secret-of-session-1',
    securityToken: 'token-of-session-1',
    expiresAt: clock.wall() + LIFETIME_MS,
  });
  expect(service.asked).toEqual(['token', 'roles', 'token', `session ${service.role}`]);
});

test('a role that is named is not asked for', async () => {
  await instanceRoleProvider(service.role).load();
  expect(service.asked).toEqual(['token', `session ${service.role}`]);
});

test('a service that gives no tokens is asked without one', async () => {
  service.faults.set('token', { status: 403, body: 'not here' });
  expect(await instanceRoleProvider(undefined).load()).toMatchObject({ accessKeyId: 'STS.1' });
  expect(service.asked).toEqual([
    ...['token', 'roles without token', 'token', `session ${service.role} without token`],
  ]);
});

test('a token that is refused is left out', async () => {
  service.refusesTokens = true;
  expect(await instanceRoleProvider(service.role).load()).toMatchObject({ accessKeyId: 'STS.1' });
  expect(service.asked).toEqual([
    ...['token', `session ${service.role}`, `session ${service.role} without token`],
  ]);
});

test('where only tokens are taken, one that is refused is told', async () => {
  process.env['ALIBABA_CLOUD_IMDSV1_DISABLED'] = 'true';
  service.refusesTokens = true;
  expect(await refusal(service.role)).toContain(
    `no credentials from the ECS instance's RAM role ${service.role}: the metadata service (100.100.100.200) refuses (HTTP 401)`,
  );
  expect(service.asked.filter((asked) => asked.endsWith('without token'))).toEqual([]);
});

describe('what is no session gives no credentials, and is told without a word of it', () => {
  const session = (changes: object) =>
    JSON.stringify({ Code: 'Success', ...sessionOf(7, Date.now() + LIFETIME_MS), ...changes });

  test.each([
    ['a Code that is not Success', session({ Code: 'Failed' })],
    ['a reply that ends early', session({}).slice(0, -30)],
    ['a reply with words in front', `ok ${session({})}`],
    ['a page of HTML', '<html>AccessKeyId=STS.7 secret-of-session-7</html>'],
    ['nothing', ''],
    ['JSON that is no object', 'null'],
    ['no secret', session({ AccessKeySecret: '' })],
    ['a date that is none', session({ Expiration: 'tomorrow' })],
    ['no date', session({ Expiration: undefined })],
  ])('%s', async (_, body) => {
    service.faults.set('session', { status: 200, body });
    expect(await refusal()).toContain('what the metadata service (100.100.100.200) answers is no session');
  });

  test('an error of the service that quotes one', async () => {
    service.faults.set('session', { status: 500, body: session({}) });
    expect(await refusal()).toContain('the metadata service (100.100.100.200) refuses (HTTP 500)');
  });
});

test('an instance without a role: told what to attach, or to use instead', async () => {
  service.faults.set('roles', { status: 404, body: '<html>404 - Not Found</html>' });
  expect(await refusal()).toMatch(
    /no credentials from the ECS instance's RAM role: .* \(HTTP 404\): attach a RAM role to the instance.*use RRSA, or give an access key/,
  );
});

test('a role that the instance does not have', async () => {
  expect(await refusal('other')).toMatch(
    /RAM role other: .* \(HTTP 404\): .*check ALIBABA_CLOUD_ECS_METADATA/,
  );
});

test.each([
  ['nothing listens', () => service[Symbol.asyncDispose]()],
  [
    'it takes the connection and says nothing',
    () => service.faults.set('roles', { status: 0, body: undefined }),
  ],
])('no metadata service (%s): told, with what to use instead', async (_, fail) => {
  await fail();
  expect(await refusal()).toMatch(
    /no credentials from the ECS instance's RAM role: the metadata service \(100\.100\.100\.200\) gives no answer: where there is no ECS instance with a RAM role, use RRSA, or give an access key \(--credentials-dir\)/,
  );
});

test('a service that is switched off is not asked', async () => {
  process.env['ALIBABA_CLOUD_ECS_METADATA_DISABLED'] = 'true';
  expect(await refusal()).toMatch(/ALIBABA_CLOUD_ECS_METADATA_DISABLED is set: use RRSA, or/);
  expect(service.asked).toEqual([]);
});

test('a session is replaced a quarter of an hour before it ends, in the background', async () => {
  using credentials = source();
  await credentials.get();
  await clock.advance(LIFETIME_MS - 15 * MINUTE - 1);
  expect(service.sessions).toBe(1);
  await clock.advance(1);
  await waitUntil('the next session', () => credentials.records.length === 2);
  expect(await credentials.get()).toMatchObject({
    accessKeyId: 'STS.2',
    expiresAt: clock.wall() + LIFETIME_MS,
  });
  expect(credentials.records).toMatchObject([
    { result: 'success', reason: 'needed', changed: true },
    { result: 'success', reason: 'renewal', changed: true },
  ]);
});

test('a service that is away at that time: the old session serves on, and the next try finds it back', async () => {
  using credentials = source();
  await credentials.get();
  service.faults.set('roles', { status: 500, body: 'later' });
  await clock.advance(LIFETIME_MS - 15 * MINUTE);
  await waitUntil('the renewal to fail', () => credentials.records.at(-1)?.result === 'failure');
  expect(await credentials.get()).toMatchObject({ accessKeyId: 'STS.1' });
  service.faults.clear();
  await waitUntil('the retry to be due', () => clock.pending > 0);
  await clock.advance(1_000);
  await waitUntil('the next session', () => credentials.records.at(-1)?.result === 'success');
  expect(await credentials.get()).toMatchObject({ accessKeyId: 'STS.2' });
});

test('a session that is handed out expired is used as it is, since a clock may be wrong, and asked for anew', async () => {
  service.session = (n) => sessionOf(n, clock.wall() - MINUTE);
  using credentials = source();
  expect(await credentials.get()).toMatchObject({ accessKeyId: 'STS.1', expiresAt: clock.wall() - MINUTE });
  expect(await credentials.get()).toMatchObject({ accessKeyId: 'STS.1' });
  await clock.advance(MINUTE);
  await waitUntil('another session', () => credentials.records.length === 2);
  expect(service.sessions).toBe(2);
});
