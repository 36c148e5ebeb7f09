import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { CloudGateway } from '../../environment/cloud/cloud-gateway.ts';
import { MetadataService, sessionsFor } from '../../environment/cloud/metadata-service.ts';
import { StsStub } from '../../environment/cloud/sts-stub.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';
import { scenarios } from '../../environment/scenario.ts';

const NO_KEY = { ALIBABA_CLOUD_ACCESS_KEY_ID: '', ALIBABA_CLOUD_ACCESS_KEY_SECRET: '' };
const MINUTE = 60_000;

let env: Environment;
let app: Workloads;
let group: string;
let operator: OperatorProcess | undefined;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('credentials');
  group = env.createGroup();
}, 60_000);
afterEach(async () => {
  await operator?.kill();
  operator = undefined;
});
afterAll(async () => {
  await env?.close();
});

/** An operator for this test's namespace only. */
async function start(
  flags: readonly string[],
  variables: Readonly<Record<string, string>> = NO_KEY,
): Promise<OperatorProcess> {
  operator = await env.startOperator({ flags: ['--namespace', app.namespace, ...flags], env: variables });
  return operator;
}

/** From now on the Service "web" has exactly these backends. */
async function serve(...addresses: readonly string[]): Promise<void> {
  await app.applySlice(
    'web',
    addresses.map((address) => ({ addresses: [address] })),
  );
}

async function bindWeb(...addresses: readonly string[]): Promise<void> {
  await app.createService('web', { selector: undefined });
  await serve(...addresses);
  await app.bind('web', group);
}

/** The message of condition CredentialsInvalid; also waits for an event. */
async function untilCredentialsInvalid(): Promise<string> {
  const { status } = await app.untilCondition('web', 'False', 'CredentialsInvalid');
  const types = status?.conditions?.map(({ type, status }) => `${type}=${status}`);
  expect(types).toEqual(['Ready=False', 'Stalled=True']);
  const message = status?.conditions?.[0]?.message ?? '';
  await waitUntil('an event of it', async () =>
    (await app.events('web')).some((event) => event.startsWith('CredentialsInvalid: ')),
  );
  return message;
}

/** Access key IDs of the successful calls on the group, without consecutive repeats. */
function keysUsed(): readonly string[] {
  const ids = env.simulator.journal
    .filter((call) => call.group === group && call.code === 'OK')
    .map(({ accessKeyId }) => accessKeyId);
  return ids.filter((id, i) => id !== ids[i - 1]);
}

const troubles = async () => (await app.events('web')).filter((event) => !/^(Added|Removed):/.test(event));

describe('a mounted Secret', () => {
  const filesOf = (id: string, secret: string, token?: string) => ({
    'access-key-id': `${id}\n`,
    'access-key-secret': `${secret}\n`,
    ...(token !== undefined && { 'security-token': token }),
  });

  scenario(
    'an access key that is rotated: the next call is made with the new one, and nobody notices',
    async () => {
      const { accessKeys } = env.simulator;
      await using secret = await MountedSecret.create(filesOf('key-1', 'one'));
      accessKeys.set({ id: 'key-1', secret: 'one' });
      await start(['--credentials-dir', secret.dir]);
      await bindWeb('10.40.0.1', '10.40.0.2');
      await env.untilHolds(group, ['10.40.0.1', '10.40.0.2']);
      await app.untilCondition('web', 'True', 'Synced');
      accessKeys.set({ id: 'key-2', secret: 'two' });
      await secret.publish(filesOf('key-2', 'two'));
      accessKeys.remove('key-1');
      await serve('10.40.0.2');
      await env.untilHolds(group, ['10.40.0.2']);
      expect(keysUsed()).toEqual(['key-1', 'key-2']);
      expect(await troubles()).toEqual([]);
    },
  );

  scenario('a wrong secret: told in a sentence, without what was signed; right once corrected', async () => {
    env.simulator.accessKeys.set({ id: 'key-3', secret: 'right' });
    await using secret = await MountedSecret.create(filesOf('key-3', 'wrong'));
    const running = await start(['--credentials-dir', secret.dir]);
    await bindWeb('10.41.0.1');
    const message = await untilCredentialsInvalid();
    expect(message).toMatch(
      /SignatureDoesNotMatch.*Check that the access key secret belongs to the access key id\./,
    );
    expect(env.rows(group)).toEqual([]);
    await secret.publish(filesOf('key-3', 'right'));
    await env.untilHolds(group, ['10.41.0.1']);
    await app.untilCondition('web', 'True', 'Synced');
    const shown = `${message}\n${await running.log()}`;
    for (const signed of ['key-3', 'SignatureNonce%3D', 'AccessKeyId%3D'])
      expect(shown).not.toContain(signed);
  });

  scenario(
    'a session that expires unrenewed: told; what left meanwhile leaves with the next session',
    async () => {
      const { accessKeys } = env.simulator;
      const session = (n: number) => ({ id: `STS.${n}`, secret: `secret-${n}`, securityToken: `token-${n}` });
      const files = (n: number) => filesOf(`STS.${n}`, `secret-${n}`, `token-${n}`);
      accessKeys.set(session(1));
      await using secret = await MountedSecret.create(files(1));
      await start(['--credentials-dir', secret.dir]);
      await bindWeb('10.42.0.1', '10.42.0.2');
      await env.untilHolds(group, ['10.42.0.1', '10.42.0.2']);
      accessKeys.expire('STS.1');
      await serve('10.42.0.2', '10.42.0.3');
      expect(await untilCredentialsInvalid()).toMatch(/InvalidSecurityToken\.Expired/);
      accessKeys.set(session(2));
      await secret.publish(files(2));
      await env.untilHolds(group, ['10.42.0.2', '10.42.0.3']);
      await app.untilCondition('web', 'True', 'Synced');
      expect(keysUsed()).toEqual(['STS.1', 'STS.2']);
    },
  );

  scenario('files that are not there yet: told which; right once they are', async () => {
    env.simulator.accessKeys.set({ id: 'key-4', secret: 'four' });
    await using secret = await MountedSecret.create({ 'access-key-id': 'key-4' });
    await start(['--credentials-dir', secret.dir]);
    await bindWeb('10.43.0.1');
    expect(await untilCredentialsInvalid()).toMatch(/no credentials from the files in .*access-key-secret/);
    await writeFile(join(secret.dir, 'access-key-secret'), 'four');
    await secret.publish(filesOf('key-4', 'four'));
    await env.untilHolds(group, ['10.43.0.1']);
  });
});

describe('a role for the ServiceAccount (RRSA)', () => {
  const ROLE = 'acs:ram::1:role/vservergroup-operator';

  const roleOf = (token: MountedSecret) => ({
    ...NO_KEY,
    ALIBABA_CLOUD_ROLE_ARN: ROLE,
    ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'acs:ram::1:oidc-provider/ack',
    ALIBABA_CLOUD_OIDC_TOKEN_FILE: join(token.dir, 'token'),
  });

  async function startWithRole(sts: StsStub, token: MountedSecret): Promise<OperatorProcess> {
    return await start(['--sts-endpoint', sts.url], roleOf(token));
  }

  scenario('a session is replaced before it ends, with the token that is mounted then', async () => {
    // A session is not used within half a minute of its expiration, so these last for three seconds.
    await using sts = await StsStub.start(env.simulator.accessKeys, 33_000);
    await using token = await MountedSecret.create({ token: 'projected-token-1\n' });
    await startWithRole(sts, token);
    await bindWeb('10.44.0.1');
    await env.untilHolds(group, ['10.44.0.1']);
    await token.publish({ token: 'projected-token-2\n' });
    let last = 1;
    await waitUntil('two more sessions', async () => {
      last++;
      await serve('10.44.0.1', `10.44.0.${last}`);
      await env.untilHolds(group, ['10.44.0.1', `10.44.0.${last}`]);
      return sts.tokens.length >= 3;
    });
    expect(sts.tokens.slice(0, 3)).toEqual(['projected-token-1', 'projected-token-2', 'projected-token-2']);
    expect(keysUsed().slice(0, 3)).toEqual(['STS.session1', 'STS.session2', 'STS.session3']);
    const codes = env.simulator.journal.filter((call) => call.group === group).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['OK']));
    expect(await troubles()).toEqual([]);
  });

  scenario('a session that is revoked under ten groups at once: one new one for all of them', async () => {
    await using sts = await StsStub.start(env.simulator.accessKeys, 60 * MINUTE);
    await using token = await MountedSecret.create({ token: 'projected-token' });
    await startWithRole(sts, token);
    await bindWeb('10.45.0.1', '10.45.0.2');
    const groups = [group, ...Array.from({ length: 9 }, () => env.createGroup())];
    for (const [i, id] of groups.slice(1).entries())
      await app.bind(`web-${i}`, id, { serviceRef: { name: 'web', port: 80 } });
    for (const id of groups) await env.untilHolds(id, ['10.45.0.1', '10.45.0.2']);
    expect(sts.tokens).toHaveLength(1);
    // A session that is rejected just after it was fetched is not replaced that soon.
    await waitUntil('the session to be no fresh one', () => performance.now() - sts.lastAt >= 6_000);
    env.simulator.accessKeys.expire(sts.session);
    await serve('10.45.0.2');
    for (const id of groups) await env.untilHolds(id, ['10.45.0.2']);
    expect(sts.tokens).toHaveLength(2);
    expect(sts.mostAtOnce).toBe(1);
    expect(await troubles()).toEqual([]);
  });

  scenario('a role that STS refuses: told, with the role; right once it is allowed', async () => {
    await using sts = await StsStub.start(env.simulator.accessKeys, 60 * MINUTE);
    await using token = await MountedSecret.create({ token: 'projected-token' });
    sts.refuses = 'AuthenticationFail.NoPermission';
    const running = await startWithRole(sts, token);
    await bindWeb('10.46.0.1');
    const message = await untilCredentialsInvalid();
    expect(message).toContain(`no credentials from the RAM role ${ROLE} (RRSA)`);
    expect(message).toContain('AuthenticationFail.NoPermission');
    sts.refuses = undefined;
    await env.untilHolds(group, ['10.46.0.1']);
    await app.untilCondition('web', 'True', 'Synced');
    expect(await running.metric('vsgb_credentials_refreshes_total{result="failure"}')).toBeGreaterThan(0);
    expect(await running.metric('vsgb_credentials_refreshes_total{result="success"}')).toBe(1);
    const expiry = await running.metric('vsgb_credentials_expiry_timestamp_seconds');
    expect((expiry ?? 0) * 1000 - Date.now()).toBeGreaterThan(50 * MINUTE);
  });

  scenario(
    'behind a proxy the session is asked for through it, too, with the authority of the environment',
    async () => {
      await using sts = await StsStub.start(env.simulator.accessKeys, 60 * MINUTE);
      await using token = await MountedSecret.create({ token: 'projected-token' });
      const host = 'sts-vpc.cn-hangzhou.aliyuncs.com';
      await using gateway = await CloudGateway.start({ [host]: sts.url });
      await start([], {
        ...roleOf(token),
        HTTPS_PROXY: gateway.proxyUrl,
        NODE_EXTRA_CA_CERTS: gateway.caFile,
        NO_PROXY: '',
      });
      await bindWeb('10.51.0.1');
      await env.untilHolds(group, ['10.51.0.1']);
      expect(gateway.tunnels).toEqual([`${host}:443`]);
      expect(keysUsed()).toEqual(['STS.session1']);
    },
  );
});

describe('a role that is assumed (--assume-role-arn)', () => {
  const ROLE = 'acs:ram::2:role/slb';

  async function startAssuming(sts: StsStub, secret: MountedSecret): Promise<OperatorProcess> {
    return await start([
      ...['--sts-endpoint', sts.url, '--credentials-dir', secret.dir],
      ...['--assume-role-arn', ROLE, '--assume-role-external-id', 'external-of-the-test'],
    ]);
  }

  const filesOf = (id: string) => ({ 'access-key-id': id, 'access-key-secret': `secret of ${id}` });

  scenario(
    'its sessions make all calls, and are replaced before they end, by whatever is mounted then',
    async () => {
      // A session is not used within half a minute of its expiration, so these last for three seconds.
      await using sts = await StsStub.start(env.simulator.accessKeys, 33_000);
      for (const id of ['assuming-1', 'assuming-2'])
        env.simulator.accessKeys.set({ id, secret: `secret of ${id}` });
      await using secret = await MountedSecret.create(filesOf('assuming-1'));
      const running = await startAssuming(sts, secret);
      await bindWeb('10.51.0.1');
      await env.untilHolds(group, ['10.51.0.1']);
      await secret.publish(filesOf('assuming-2'));
      env.simulator.accessKeys.remove('assuming-1');
      let last = 1;
      await waitUntil('the role to be assumed with the other key', async () => {
        last++;
        await serve('10.51.0.1', `10.51.0.${last}`);
        await env.untilHolds(group, ['10.51.0.1', `10.51.0.${last}`]);
        return sts.assumed.some((call) => call.startsWith('assuming-2'));
      });
      const [first] = sts.assumed;
      expect(first).toBe(`assuming-1 ${ROLE} external-of-the-test`);
      expect(sts.assumed.at(-1)).toBe(`assuming-2 ${ROLE} external-of-the-test`);
      for (const id of keysUsed()) expect(id).toMatch(/^STS\.session/);
      expect(await troubles()).toEqual([]);
      const log = await running.log();
      for (const hidden of ['STS.session', 'secret of', 'token of', 'external-of-the-test', 'assuming-'])
        expect(log).not.toContain(hidden);
    },
  );

  scenario('a role that may not be assumed: told, with the role; right once it may', async () => {
    await using sts = await StsStub.start(env.simulator.accessKeys, 60 * MINUTE);
    env.simulator.accessKeys.set({ id: 'assuming-3', secret: 'secret of assuming-3' });
    await using secret = await MountedSecret.create(filesOf('assuming-3'));
    sts.refuses = 'NoPermission';
    await startAssuming(sts, secret);
    await bindWeb('10.52.0.1');
    const message = await untilCredentialsInvalid();
    expect(message).toContain(`no credentials from the RAM role ${ROLE}, assumed with the files in `);
    expect(message).toContain('NoPermission');
    sts.refuses = undefined;
    await env.untilHolds(group, ['10.52.0.1']);
    await app.untilCondition('web', 'True', 'Synced');
  });
});

describe('the RAM role of the ECS instance', () => {
  const redirect = new URL('../../environment/cloud/redirect-metadata.ts', import.meta.url).href;

  const startOnInstance = (port: number, variables: Readonly<Record<string, string>> = {}) =>
    start([], {
      ...NO_KEY,
      NODE_OPTIONS: `--import=${redirect}`,
      TEST_METADATA_PORT: String(port),
      ...variables,
    });

  scenario('the metadata service is never asked through a proxy', async () => {
    await using service = await MetadataService.start(sessionsFor(env.simulator.accessKeys, 60 * MINUTE));
    await startOnInstance(service.port, { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '' });
    await bindWeb('10.52.0.1');
    await env.untilHolds(group, ['10.52.0.1']);
    expect(service.sessions).toBe(1);
  });

  scenario("a session of the metadata service's is replaced before it ends, and nobody notices", async () => {
    // A session is not used within half a minute of its expiration, so these last for three seconds.
    await using service = await MetadataService.start(sessionsFor(env.simulator.accessKeys, 33_000));
    await startOnInstance(service.port);
    await bindWeb('10.49.0.1');
    await env.untilHolds(group, ['10.49.0.1']);
    let last = 1;
    await waitUntil('two more sessions', async () => {
      last++;
      await serve('10.49.0.1', `10.49.0.${last}`);
      await env.untilHolds(group, ['10.49.0.1', `10.49.0.${last}`]);
      return service.sessions >= 3;
    });
    expect(keysUsed().slice(0, 3)).toEqual(['STS.instance1', 'STS.instance2', 'STS.instance3']);
    const codes = env.simulator.journal.filter((call) => call.group === group).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['OK']));
    expect(await troubles()).toEqual([]);
  });

  scenario(
    'no role on the instance: told, with what to do, and no secret; right once it has one',
    async () => {
      await using service = await MetadataService.start(sessionsFor(env.simulator.accessKeys, 60 * MINUTE));
      service.faults.set('roles', { status: 404, body: 'not found' });
      const running = await startOnInstance(service.port);
      await bindWeb('10.50.0.1');
      expect(await untilCredentialsInvalid()).toMatch(
        /no credentials from the ECS instance's RAM role: .*attach a RAM role to the instance.*RRSA/,
      );
      service.faults.clear();
      await env.untilHolds(group, ['10.50.0.1']);
      await app.untilCondition('web', 'True', 'Synced');
      const log = await running.log();
      for (const secret of ['STS.instance', 'secret of', 'token of']) expect(log).not.toContain(secret);
    },
  );
});

describe("the cloud's own endpoints", () => {
  const HOSTS = ['slb-vpc.cn-hangzhou', 'ecs-vpc.cn-hangzhou', 'slb-vpc.cn-shanghai', 'ecs-vpc.cn-shanghai'];

  async function startGateway(shanghai: string): Promise<CloudGateway> {
    const targets = HOSTS.map((name) => [
      `${name}.aliyuncs.com`,
      name.endsWith('shanghai') ? shanghai : env.simulator.url,
    ]);
    return await CloudGateway.start(Object.fromEntries(targets));
  }

  async function startBehind(gateway: CloudGateway, variables: Record<string, string>): Promise<void> {
    operator = await env.startOperator({
      apiUrl: undefined,
      flags: ['--namespace', app.namespace],
      env: { HTTPS_PROXY: gateway.proxyUrl, NO_PROXY: '', no_proxy: '', ...variables },
    });
  }

  scenario(
    "each binding's region is called at its own host, over HTTPS and the proxy of the environment",
    async () => {
      const shanghai = await startSimulator({ regionId: 'cn-shanghai', groups: ['rsp-shanghai'] });
      try {
        await using gateway = await startGateway(shanghai.url);
        await startBehind(gateway, { NODE_EXTRA_CA_CERTS: gateway.caFile });
        await bindWeb('10.47.0.1');
        const serviceRef = { name: 'web', port: 80 };
        await app.bind('far', 'rsp-shanghai', { serviceRef, regionId: 'cn-shanghai' });
        await env.untilHolds(group, ['10.47.0.1']);
        await app.untilCondition('far', 'True', 'Synced');
        expect(shanghai.state.group('rsp-shanghai').rows()).toMatchObject([{ serverIp: '10.47.0.1' }]);
        expect([...new Set(gateway.calls)].sort()).toEqual([
          'ecs-vpc.cn-hangzhou.aliyuncs.com cn-hangzhou',
          'ecs-vpc.cn-shanghai.aliyuncs.com cn-shanghai',
          'slb-vpc.cn-hangzhou.aliyuncs.com cn-hangzhou',
          'slb-vpc.cn-shanghai.aliyuncs.com cn-shanghai',
        ]);
        expect([...new Set(gateway.tunnels)].sort()).toEqual(
          HOSTS.map((name) => `${name}.aliyuncs.com:443`).sort(),
        );
      } finally {
        await shanghai.close();
      }
    },
  );

  scenario(
    'a certificate of an unknown authority: nothing is sent, and the sentence says what to check',
    async () => {
      await using gateway = await startGateway(env.simulator.url);
      await startBehind(gateway, {});
      await bindWeb('10.48.0.1');
      const { status } = await app.untilCondition('web', 'False', 'ApiUnavailable');
      expect(status?.conditions?.[0]?.message).toMatch(
        /certificate that is not trusted.*NODE_EXTRA_CA_CERTS/,
      );
      expect(gateway.calls).toEqual([]);
    },
  );
});

describe('plain HTTP to another machine', () => {
  test.each(['--slb-endpoint', '--ecs-endpoint', '--sts-endpoint'])(
    '%s is refused at the start, with a sentence and status 2',
    async (flag) => {
      operator = await env.startOperator({ flags: [flag, 'http://api.example.com'], untilReady: false });
      const refused = operator;
      expect(await refused.exited).toBe(2);
      expect(await refused.log()).toBe(
        `${flag}: received "http://api.example.com", expected https:// for an address that is not on this machine (or --allow-insecure-endpoints)\n`,
      );
    },
  );
});
