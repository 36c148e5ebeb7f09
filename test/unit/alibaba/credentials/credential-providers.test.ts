import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { credentialsFromEnvironment } from '../../../../src/alibaba/client.ts';
import { chooseProvider, filesProvider } from '../../../../src/alibaba/credentials/credential-providers.ts';
import { createCloudTime } from '../../../../src/alibaba/rpc/cloud-time.ts';
import { type Clock, systemClock } from '../../../../src/clock.ts';
import { failure, fault, json, LocalApi } from '../rpc/local-api.ts';

const KEYS = { ALIBABA_CLOUD_ACCESS_KEY_ID: 'id', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'secret' };
const RRSA = {
  ALIBABA_CLOUD_ROLE_ARN: 'acs:ram::1:role/vsgb',
  ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'acs:ram::1:oidc-provider/ack',
  ALIBABA_CLOUD_OIDC_TOKEN_FILE: '/does/not/exist',
};
const sts = () => async () => ({});

test.each([
  ['files before all, since a flag asks for them', { ...KEYS, ...RRSA }, '/dir', 'the files in /dir'],
  ['RRSA before keys', { ...KEYS, ...RRSA }, undefined, 'acs:ram::1:role/vsgb (RRSA)'],
  [
    'keys before the instance',
    { ...KEYS, ALIBABA_CLOUD_ECS_METADATA: 'role' },
    undefined,
    'an access key from the environment',
  ],
  ['a session token', { ...KEYS, ALIBABA_CLOUD_SECURITY_TOKEN: 't' }, undefined, 'a session token'],
  ['the instance last', { ALIBABA_CLOUD_ECS_METADATA: 'role' }, undefined, 'RAM role role'],
  [
    'two of three RRSA variables are none',
    { ...KEYS, ALIBABA_CLOUD_ROLE_ARN: 'x' },
    undefined,
    'an access key',
  ],
])('the way to credentials is chosen in the open: %s', (_name, env, credentialsDir, description) => {
  expect(chooseProvider({ env, credentialsDir, sts }).description).toContain(description);
});

test('the environment gives key and token', async () => {
  const env = { ...KEYS, ALIBABA_CLOUD_SECURITY_TOKEN: 't' };
  expect(await chooseProvider({ env, sts }).load()).toEqual({
    ...{ accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 't' },
  });
});

async function folder() {
  const dir = await mkdtemp(join(tmpdir(), 'credentials-'));
  const write = async (into: string, id: string, secret: string, token?: string) => {
    await mkdir(join(dir, into), { recursive: true });
    await writeFile(join(dir, into, 'access-key-id'), `${id}\n`);
    await writeFile(join(dir, into, 'access-key-secret'), `${secret}\n`);
    if (token !== undefined) await writeFile(join(dir, into, 'security-token'), token);
  };
  return { dir, write, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
}

test('files give key and token, without line ends', async () => {
  await using files = await folder();
  await files.write('.', 'id', 'secret', 'token\n');
  expect(await filesProvider(files.dir).load()).toEqual({
    ...{ accessKeyId: 'id', accessKeySecret: 'secret', securityToken: 'token' },
  });
});

test('a mounted Secret that was replaced is read anew and whole', async () => {
  await using files = await folder();
  await files.write('..1', 'id-1', 'secret-1');
  await files.write('..2', 'id-2', 'secret-2');
  await symlink('..1', join(files.dir, '..data'));
  const provider = filesProvider(files.dir);
  expect(await provider.load()).toEqual({ accessKeyId: 'id-1', accessKeySecret: 'secret-1' });
  await symlink('..2', join(files.dir, '..new'));
  await rename(join(files.dir, '..new'), join(files.dir, '..data'));
  expect(await provider.load()).toEqual({ accessKeyId: 'id-2', accessKeySecret: 'secret-2' });
});

test('empty files are no credentials', async () => {
  await using files = await folder();
  await files.write('.', '', '');
  await expect(filesProvider(files.dir).load()).rejects.toThrow('empty');
});

async function roleSource(url: string, tokenFile: string, clock: Clock = systemClock) {
  const { base: source } = credentialsFromEnvironment({
    ...{
      endpoints: { network: 'vpc', override: { sts: url } },
      clock,
      cloudTime: createCloudTime(clock),
      regionId: 'cn-hangzhou',
    },
    env: { ...KEYS, ...RRSA, ALIBABA_CLOUD_OIDC_TOKEN_FILE: tokenFile },
  });
  return { source, [Symbol.dispose]: () => source.close() };
}

test("a ServiceAccount's token becomes a session of the role, by an unsigned call", async () => {
  await using files = await folder();
  const tokenFile = join(files.dir, 'token');
  await writeFile(tokenFile, 'eyJ.header.sig\n');
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  await using api = await LocalApi.start((_, response) =>
    json(response, {
      RequestId: 'R',
      Credentials: { AccessKeyId: 'STS.x', AccessKeySecret: 's', SecurityToken: 't', Expiration: expiration },
    }),
  );
  using role = await roleSource(api.url, tokenFile);
  expect(await role.source.get()).toEqual({
    ...{ accessKeyId: 'STS.x', accessKeySecret: 's', securityToken: 't', expiresAt: Date.parse(expiration) },
  });
  expect(api.received[0]?.params).toMatchObject({
    ...{ Action: 'AssumeRoleWithOIDC', Version: '2015-04-01', OIDCToken: 'eyJ.header.sig' },
    ...{ RoleArn: RRSA.ALIBABA_CLOUD_ROLE_ARN, OIDCProviderArn: RRSA.ALIBABA_CLOUD_OIDC_PROVIDER_ARN },
  });
  expect(api.received[0]?.params).not.toHaveProperty('Signature');
});

test('STS refusing a call for its time is asked once more, by its own', async () => {
  await using files = await folder();
  const tokenFile = join(files.dir, 'token');
  await writeFile(tokenFile, 'eyJ.header.sig');
  const clock = new FakeClock();
  const cloudNow = clock.wall() - 3_600_000;
  await using api = await LocalApi.start(({ params }, response) => {
    response.setHeader('date', new Date(cloudNow).toUTCString());
    if (Date.parse(params['Timestamp'] ?? '') !== cloudNow) fault(response, 'InvalidTimeStamp.Expired', 'x');
    else json(response, { Credentials: { AccessKeyId: 'STS.x', AccessKeySecret: 's' } });
  });
  using role = await roleSource(api.url, tokenFile, clock);
  expect(await role.source.get()).toMatchObject({ accessKeyId: 'STS.x' });
  expect(api.received).toHaveLength(2);
});

test('STS refusing the role is a matter of credentials; STS failing passes', async () => {
  await using files = await folder();
  const tokenFile = join(files.dir, 'token');
  await writeFile(tokenFile, 'eyJhbGciOi.eyJzdWIi.c2ln');
  let down = false;
  await using api = await LocalApi.start((received, response) => {
    if (down) fault(response, 'InternalError', 'down', 500);
    else
      fault(response, 'NoPermission', `You are not authorized, token ${received.params['OIDCToken']}`, 403);
  });
  using refusing = await roleSource(api.url, tokenFile);
  const error = await failure(refusing.source.get());
  expect(error).toMatchObject({ kind: 'credentials', code: 'NoPermission', httpStatus: 403 });
  expect(error.message).toContain('no credentials from the RAM role acs:ram::1:role/vsgb (RRSA): You are');
  expect(error.message).not.toContain('eyJ');
  down = true;
  using failing = await roleSource(api.url, tokenFile);
  expect(await failure(failing.source.get())).toMatchObject({
    ...{ kind: 'transient', code: 'InternalError', outcome: 'refused' },
    text: 'no credentials from the RAM role acs:ram::1:role/vsgb (RRSA): down',
  });
});

test('a role is assumed by a signed call, whose refusal shows neither key nor external id', async () => {
  await using api = await LocalApi.start(({ params }, response) =>
    fault(response, 'NoPermission', `refused: ${params['AccessKeyId']}, ${params['ExternalId']}`, 403),
  );
  const credentials = credentialsFromEnvironment({
    ...{ endpoints: { network: 'vpc', override: { sts: api.url } }, clock: systemClock },
    ...{ cloudTime: createCloudTime(systemClock), regionId: 'cn-hangzhou' },
    env: { ALIBABA_CLOUD_ACCESS_KEY_ID: 'some-key', ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'some-secret' },
  });
  const role = { roleArn: 'acs:ram::2:role/slb', externalId: 'external-1' };
  const error = await failure(credentials.assume(role, {}).get());
  credentials.close();
  expect(api.received[0]?.params).toMatchObject({
    ...{ Action: 'AssumeRole', Version: '2015-04-01', AccessKeyId: 'some-key' },
    ...{ RoleArn: 'acs:ram::2:role/slb', ExternalId: 'external-1', Signature: expect.any(String) },
  });
  expect(error.message).toContain('refused: [redacted], [redacted]');
});

test('a token file that is not there says so', async () => {
  using role = await roleSource('http://127.0.0.1:1', '/does/not/exist');
  const error = await failure(role.source.get());
  expect(error).toMatchObject({ kind: 'credentials', code: 'CredentialsUnavailable' });
  expect(error.message).toContain('/does/not/exist');
});
