import { afterAll, beforeAll, expect } from '@jest/globals';
import type { KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import type { Finding } from '../../../src/plugin/check/finding.ts';
import { ExecStub } from '../../environment/exec-stub.ts';
import { type PluginResult, runPlugin } from '../../environment/plugin-process.ts';
import { scenarios } from '../../environment/scenario.ts';
import { applyWebhook } from '../../environment/webhook-bed.ts';

const ADD = 'AddVServerGroupBackendServers';
const CRD =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vservergroupbindings.slb.alibabacloud.com';

let env: Environment;
let operator: OperatorProcess;
let kubectl: ExecStub;
let group: string;
const scenario = scenarios(() => env);

const credentials = {
  ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid',
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret',
};

beforeAll(async () => {
  env = await Environment.start();
  group = env.createGroup();
  env.simulator.state.addRow(group, { serverId: 'i-other', port: 30_080, weight: 7 });
  operator = await env.startOperator({
    flags: ['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE],
  });
  kubectl = await ExecStub.create({
    ...credentials,
    VSGB_KUBECONFIG: env.operatorKubeconfig,
    VSGB_REGION: 'cn-hangzhou',
    VSGB_VPC_ID: 'vpc-1',
    VSGB_SLB_ENDPOINT: env.simulator.url,
    VSGB_ECS_ENDPOINT: env.simulator.url,
    VSGB_METRICS_ADDRESS: await operator.healthAddress(),
  });
  await waitUntil('the pods of the Deployment to be ready', async () => {
    const path = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments/vservergroup-operator`;
    const { status } = await env.api.get<KubeObject & { status: { readyReplicas?: number } }>(path);
    return status.readyReplicas === 2;
  });
}, 120_000);
afterAll(async () => {
  await kubectl?.[Symbol.asyncDispose]();
  await env?.close();
});

/** Runs as the cluster administrator. */
async function check(...args: readonly string[]): Promise<PluginResult> {
  return await checkAs(env.controlPlane.kubeconfig, ...args);
}

async function checkAs(kubeconfig: string, ...args: readonly string[]): Promise<PluginResult> {
  const PATH = `${kubectl.dir}:${process.env['PATH']}`;
  return await runPlugin(['check', '--kubeconfig', kubeconfig, ...args], { ...credentials, PATH });
}

const fromHere = (url = env.simulator.url) => [
  ...['--from', 'here', '--vpc-id', 'vpc-1', '--slb-endpoint', url, '--ecs-endpoint', url],
];

/** Every finding that is not ok, as `failed CRD: message. advice`. */
function troubles(stdout: string): readonly string[] {
  return findings(stdout)
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, message, advice }) => `${level} ${check}: ${message}. ${advice}`);
}

function findings(stdout: string): readonly Finding[] {
  return (JSON.parse(stdout) as { findings: Finding[] }).findings;
}

const NOT_SHOWN = [`slb:${ADD}`, 'slb:SetVServerGroupAttribute'].map((action) =>
  expect.stringMatching(`^unknown ${action}: not denied, but refused as incomplete`),
);

scenario(
  'check: where all is there, nothing failed, and nothing was changed; the cloud is called as the operator calls it',
  async () => {
    const before = env.rows(group);
    const { code, stdout, stderr } = await check('--group', group, '-o', 'json');
    expect([code, stderr]).toEqual([0, '']);
    expect(troubles(stdout)).toEqual(NOT_SHOWN);
    const messages = new Map(findings(stdout).map(({ check, message }) => [check, message]));
    expect(messages.get('credentials')).toBe('an access key from the environment');
    expect(messages.get('operator')).toContain('2 of 2 pods');
    expect(messages.get('leader')).toContain('leads');
    expect(messages.get('caches')).toContain('vservergroupbindings');
    expect(messages.get('slb:RemoveVServerGroupBackendServers')).toContain('allowed');
    expect(env.rows(group)).toEqual(before);
    const [call] = await kubectl.calls();
    expect(call).toEqual([
      ...['exec', '--kubeconfig', env.controlPlane.kubeconfig, '--namespace', OPERATOR_NAMESPACE],
      expect.stringMatching(/^vservergroup-operator-/),
      ...['--container', 'operator', '--', 'node', '/app/kubectl-vsgb.js', '__check', '--group', group, '--'],
    ]);
  },
);

scenario('check: a line for each finding, with what to do; a right that is missing: exit 1', async () => {
  const allow = env.simulator.ram.deny({ action: ADD });
  try {
    const { code, stdout } = await check('--group', group);
    expect(code).toBe(1);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .every((line) => /^(ok|warning|failed|unknown) +\S/.test(line)),
    ).toBe(true);
    expect(stdout).toMatch(
      new RegExp(
        `^failed +slb:${ADD} +Forbidden.RAM: .*Grant the RAM action slb:${ADD} to the identity`,
        'm',
      ),
    );
  } finally {
    allow();
  }
});

scenario(
  'check --from here: a region that is not that of the endpoint, and a group that is not there',
  async () => {
    const elsewhere = await check(...fromHere(), '--region', 'cn-beijing', '-o', 'json');
    expect(elsewhere.code).toBe(1);
    expect(troubles(elsewhere.stdout)).toContainEqual(
      expect.stringMatching(/^failed ECS endpoint: .*RegionId is invalid.*--region/),
    );
    const missing = await check(
      ...fromHere(),
      '--region',
      'cn-hangzhou',
      '--group',
      'rsp-none',
      '-o',
      'json',
    );
    expect(missing.code).toBe(1);
    expect(troubles(missing.stdout)).toContainEqual(
      expect.stringMatching(/^failed vServer group: there is no rsp-none/),
    );
  },
);

scenario(
  'check --from here: a clock that is twenty minutes off, and still calls that are taken',
  async () => {
    const simulator = await startSimulator({ now: () => Date.now() + 20 * 60_000 });
    try {
      const { code, stdout } = await check(
        ...fromHere(simulator.url),
        '--region',
        'cn-hangzhou',
        '-o',
        'json',
      );
      expect(code).toBe(0);
      expect(troubles(stdout)).toContainEqual(
        expect.stringMatching(/^warning cloud clock: the clock here is 1(199|200|201) s behind/),
      );
      expect(findings(stdout)).toContainEqual(
        expect.objectContaining({ check: 'SLB endpoint', level: 'ok' }),
      );
    } finally {
      await simulator.close();
    }
  },
);

scenario('check: nothing listens where the cloud should be', async () => {
  const { code, stdout } = await check(
    ...fromHere('http://127.0.0.1:1'),
    '--region',
    'cn-hangzhou',
    '-o',
    'json',
  );
  expect(code).toBe(1);
  expect(troubles(stdout)).toContainEqual(
    expect.stringMatching(/^failed SLB endpoint: .*ECONNREFUSED.*port 443/),
  );
});

scenario('check: before the operator is installed, and with rights on nothing', async () => {
  const nobody = await env.controlPlane.kubeconfigForServiceAccount('default', 'default');
  const none = await check('--operator-namespace', 'default', '-o', 'json');
  expect(none.code).toBe(1);
  expect(troubles(none.stdout)).toEqual([
    expect.stringMatching(/^failed operator: namespace default has no Deployment/),
    expect.stringMatching(/^unknown cloud: .*--from here/),
  ]);
  const { code, stdout } = await checkAs(nobody, '-o', 'json');
  expect(code).toBe(0);
  expect(troubles(stdout).map((trouble) => trouble.split(':')[0])).toEqual([
    ...['unknown CRD', 'unknown operator', 'unknown webhook', 'unknown cloud'],
  ]);
});

scenario('check: a CRD that is older than the operator, and a webhook without a pod behind it', async () => {
  await applyWebhook(env.api, 1);
  const field = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/suspend';
  await env.api.patch(CRD, [{ op: 'remove', path: field }], 'json');
  const { code, stdout } = await check('-o', 'json');
  expect(code).toBe(1);
  expect(troubles(stdout)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^failed CRD: it is older than .*spec\.suspend.*kubectl apply -f crds/),
      expect.stringMatching(/^failed webhook: Service vservergroup-operator-webhook .* no ready endpoint/),
      expect.stringMatching(/^failed webhook trust: .*no caBundle/),
    ]),
  );
});
