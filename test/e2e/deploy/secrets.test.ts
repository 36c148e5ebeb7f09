import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import type { FaultRule } from '../../../simulator/faults.ts';
import { StsStub } from '../../environment/cloud/sts-stub.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';

/** Each of these is known in one place only, so whatever else shows it has leaked it. */
const KEY = {
  id: 'LTAI5tMarkedAccessKeyId',
  secret: 'marked-access-key-secret',
  securityToken: 'CAISmarked/security+token==',
};
const OIDC_TOKEN = 'eyJtYXJrZWQi.eyJvaWRjIjoibWFya2VkIn0.bWFya2VkLXNpZ25hdHVyZQ';
/** Echoes the credentials, as some well-meaning gateways do. */
const ECHO = `no luck with AccessKeyId=${KEY.id}&SecurityToken=${encodeURIComponent(KEY.securityToken)} (${KEY.securityToken}, ${KEY.secret})`;

const error = (code: string, httpStatus?: number): FaultRule => ({
  kind: 'error',
  code,
  message: ECHO,
  ...(httpStatus !== undefined && { httpStatus }),
});

/** One of each kind of error that src/alibaba distinguishes, and each way of getting no response. */
const FAULTS: readonly FaultRule[] = [
  error('ServiceIsConfiguring'),
  error('Throttling.User'),
  error('InternalError', 500),
  error('InvalidSecurityToken.Expired'),
  error('SignatureDoesNotMatch'),
  error('InvalidParameter'),
  error('ObtainIpFail'),
  error('InstanceBackendServerNumberOverLimit'),
  error('Forbidden.RAM', 403),
  error('LbStatusNotSupport'),
  error('MissingParameter'),
  error(`Odd.${KEY.secret}`),
  { kind: 'http-503' },
  { kind: 'html-502' },
  { kind: 'json-500' },
  { kind: 'hang' },
  { kind: 'reset' },
  { kind: 'half-body' },
];

let env: Environment;
let app: Workloads;
let operator: OperatorProcess;

beforeAll(async () => {
  env = await Environment.start({
    controlPlane: { scheduler: false, kwok: false },
    nodes: [],
    simulator: { accessKeys: [KEY] },
  });
  app = await env.createNamespace('secrets');
  await app.createService('web', { selector: undefined });
}, 120_000);
afterAll(async () => {
  await env?.close();
});

async function serve(...addresses: readonly string[]): Promise<void> {
  await app.applySlice(
    'web',
    addresses.map((address) => ({ addresses: [address] })),
  );
}

/** Everything visible of the operator: its log, metrics and health, and the events and statuses that it wrote. */
async function shown(): Promise<string> {
  const health = await fetch(`http://${await operator.healthAddress()}/readyz?verbose`);
  const bindings = await env.api.get(app.bindings());
  const events = await env.api.get(app.path('apis/events.k8s.io/v1', 'events'));
  return [
    await operator.log(),
    await operator.metrics(),
    await health.text(),
    JSON.stringify(bindings),
    JSON.stringify(events),
  ].join('\n');
}

/** The token that the operator presents to the API server. */
async function bearerToken(): Promise<string> {
  const file = `${env.controlPlane.dir}/kubeconfig-vservergroup-operator-vservergroup-operator`;
  const [, token = ''] = /token: (\S+)/.exec(await readFile(file, 'utf8')) ?? [];
  expect(token.length).toBeGreaterThan(100);
  return token;
}

test('no secret is in log, metrics, events or status, whatever goes well or wrong', async () => {
  operator = await env.startOperator({ accessKey: KEY, flags: ['--api-timeout', '1s'] });
  await serve('10.50.0.1', '10.50.0.2');
  const groups: string[] = [];
  for (const [i, fault] of FAULTS.entries()) {
    const group = env.createGroup();
    groups.push(group);
    await app.bind(`web-${i}`, group, { serviceRef: { name: 'web', port: 80 } });
    await env.untilHolds(group, ['10.50.0.1', '10.50.0.2']);
    env.simulator.faults.add({ ...fault, group });
  }
  await serve('10.50.0.2', '10.50.0.3');
  const statuses = () => Promise.all(FAULTS.map(async (_, i) => (await app.binding(`web-${i}`)).status));
  await waitUntil('every fault to be told in a condition', async () =>
    (await statuses()).every((status) => status?.conditions?.[0]?.status === 'False'),
  );
  env.simulator.faults.clear();
  env.simulator.accessKeys.set({ ...KEY, secret: 'another' });
  await serve('10.50.0.3');
  await waitUntil('the real SignatureDoesNotMatch, which echoes what was signed', async () =>
    (await operator.log()).includes('string to sign [redacted]'),
  );
  const text = await shown();
  const secrets = [KEY.secret, KEY.securityToken, encodeURIComponent(KEY.securityToken), KEY.id];
  for (const secret of [...secrets, await bearerToken()]) expect(text).not.toContain(secret);
  const codes = FAULTS.flatMap(({ code }) =>
    code === undefined ? [] : [code.replace(KEY.secret, '[redacted]')],
  );
  for (const code of [...codes, 'Timeout', 'InvalidReply', 'ECONNRESET'])
    expect(text).toContain(`"code":"${code}"`);
  await operator.stop();
}, 90_000);

test('the token of the ServiceAccount is not shown by what STS says', async () => {
  await using sts = await StsStub.start(env.simulator.accessKeys, 3_600_000);
  await using mounted = await MountedSecret.create({ token: OIDC_TOKEN });
  sts.refuses = 'AuthenticationFail.OIDCToken.Invalid';
  operator = await env.startOperator({
    flags: ['--sts-endpoint', sts.url],
    env: {
      ALIBABA_CLOUD_ROLE_ARN: 'acs:ram::1:role/marked',
      ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'acs:ram::1:oidc-provider/marked',
      ALIBABA_CLOUD_OIDC_TOKEN_FILE: `${mounted.dir}/token`,
    },
  });
  await waitUntil('STS to refuse it', async () =>
    (await operator.log()).includes('AuthenticationFail.OIDCToken.Invalid'),
  );
  expect(sts.tokens).toContain(OIDC_TOKEN);
  const text = await shown();
  for (const secret of [OIDC_TOKEN, ...OIDC_TOKEN.split('.')]) expect(text).not.toContain(secret);
  sts.refuses = undefined;
  await waitUntil('a session to be fetched', async () =>
    (await operator.log()).includes('Credentials fetched'),
  );
  const after = await shown();
  for (const secret of [`secret of ${sts.session}`, `token of ${sts.session}`])
    expect(after).not.toContain(secret);
}, 60_000);
