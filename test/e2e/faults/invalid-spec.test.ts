import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { KubeApiError, KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Binding, Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, FINALIZER, KIND } from '../../../src/api/names.ts';
import { scenarios } from '../../environment/scenario.ts';

const CRD =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vservergroupbindings.slb.alibabacloud.com';
const TOO_BIG = 1_000;
const SENTENCE = /can't be read, and its group is left as it is: spec\.weight: Too big.* Correct the spec\./;

let env: Environment;
let operator: OperatorProcess;
let app: Workloads;
let group: string;
let foreign: readonly string[];
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('invalid');
  group = env.createGroup();
  foreign = env.addForeignRows(group);
  operator = await env.startOperator();
}, 60_000);
afterEach(async () => {
  await operator?.kill();
});
afterAll(async () => {
  await env?.close();
});

interface Crd extends KubeObject {
  readonly spec: { readonly versions: readonly { readonly schema: { openAPIV3Schema: Schema } }[] };
}

type Schema = Readonly<Record<string, unknown>> & { properties?: Readonly<Record<string, Schema>> };

/** The schema keywords that restrict the value of a spec field. */
const LIMITS: ReadonlySet<string> = new Set(['maximum', 'enum', 'pattern', 'x-kubernetes-validations']);

function loosened(field: Schema): Schema {
  return Object.fromEntries(Object.entries(field).filter(([rule]) => !LIMITS.has(rule)));
}

/** Makes the CRD accept what it should not, like a CRD older than the operator, until this is disposed of. */
async function looseCrd(): Promise<AsyncDisposable> {
  const { spec } = await env.api.get<Crd>(CRD);
  const loose = structuredClone(spec);
  for (const { schema } of loose.versions) {
    const ofSpec = schema.openAPIV3Schema.properties?.['spec'];
    const fields = Object.entries(ofSpec?.properties ?? {});
    if (ofSpec !== undefined)
      ofSpec.properties = Object.fromEntries(fields.map(([name, field]) => [name, loosened(field)]));
  }
  const put = (versions: Crd['spec']['versions']) => env.api.patch(CRD, { spec: { versions } });
  await put(loose.versions);
  const probe = { apiVersion: API_VERSION, kind: KIND, metadata: { name: 'probe' } };
  const takes = (weight: number) =>
    env.api
      .request('POST', `${app.bindings()}?dryRun=All`, { ...probe, spec: { ...specOf('probe'), weight } })
      .then(
        () => true,
        () => false,
      );
  await waitUntil('the API server to take what cannot be read', () => takes(TOO_BIG));
  return {
    async [Symbol.asyncDispose]() {
      await put(spec.versions);
      await waitUntil('the API server to keep it out again', async () => !(await takes(TOO_BIG)));
    },
  };
}

const specOf = (name: string) => ({ vServerGroupId: group, serviceRef: { name, port: 80 } });
const serve = (...addresses: readonly string[]) =>
  app.applySlice(
    'web',
    addresses.map((address) => ({ addresses: [address] })),
  );
const errorsWritten = () => operator.metric('vsgb_status_writes_total{result="error"}');
const stalled = () => operator.metric(`vsgb_binding_stalled{namespace="${app.namespace}",name="web"}`);

/** A bound Service with two live backends, both in the group and in the status. */
async function bindTwo(spec: Readonly<Record<string, unknown>> = {}): Promise<Binding> {
  await app.createService('web', { selector: undefined });
  await serve('10.90.0.1', '10.90.0.2');
  await app.bind('web', group, spec);
  await env.untilHolds(group, ['10.90.0.1', '10.90.0.2'], foreign);
  return await env.untilStatusTrue(app, 'web', group, { registered: 2, foreign: 2 });
}

async function untilTold(name = 'web'): Promise<Binding> {
  const binding = await app.untilCondition(name, 'False', 'InvalidSpec');
  const { generation } = binding.metadata;
  const conditions = binding.status?.conditions ?? [];
  expect(conditions.map(({ type, status }) => `${type}=${status}`)).toEqual(['Ready=False', 'Stalled=True']);
  for (const condition of conditions) {
    expect(condition).toMatchObject({ reason: 'InvalidSpec', observedGeneration: generation });
    expect(condition.message).toMatch(SENTENCE);
  }
  await untilEvent(name);
  return binding;
}

const untilEvent = (name: string) =>
  waitUntil('an event that says the same', async () =>
    (await app.events(name)).some((event) => event.startsWith('InvalidSpec: ') && SENTENCE.test(event)),
  );

scenario(
  'a binding that worked: told in its status, which keeps what it records; its group is left alone until it is corrected',
  async () => {
    const { status: before } = await bindTwo();
    await using _loose = await looseCrd();
    const calls = env.recordCalls(group);
    await app.patchBinding('web', { spec: { weight: TOO_BIG } });
    const told = await untilTold();
    const { conditions: _now, observedGeneration: _seen, ...kept } = told.status ?? {};
    const { conditions: _then, observedGeneration: _old, ...recorded } = before ?? {};
    expect(kept).toEqual(recorded);
    expect(kept.backends).toHaveLength(2);
    expect(await stalled()).toBe(1);
    await serve('10.90.0.2');
    // The next operator finds it already reported, and has nothing to write.
    await operator.stop();
    operator = await env.startOperator();
    await waitUntil('it to be found told', async () => (await stalled()) === 1);
    expect((await app.binding('web')).metadata.resourceVersion).toBe(told.metadata.resourceVersion);
    expect(env.rows(group)).toEqual(['10.90.0.1:8080*100', '10.90.0.2:8080*100', ...foreign].sort());
    expect(calls.of('Add', 'Set', 'Remove')).toEqual([]);
    await app.patchBinding('web', { spec: { weight: 50 } });
    await env.untilRows(group, ['10.90.0.2:8080*50', ...foreign].sort());
    await app.untilCondition('web', 'True', 'Synced');
    await env.untilStatusTrue(app, 'web', group, { registered: 1, foreign: 2 });
    expect(await stalled()).toBe(0);
  },
);

scenario(
  'one that never had a status, under a CRD that has been applied again since: told all the same',
  async () => {
    await operator.stop();
    const loose = await looseCrd();
    const spec = { ...specOf('web'), weight: TOO_BIG };
    await env.api.create(app.bindings(), {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name: 'web' },
      spec,
    });
    await loose[Symbol.asyncDispose]();
    operator = await env.startOperator();
    await untilTold();
    expect(await errorsWritten()).toBe(0);
    await app.patchBinding('web', { spec: { weight: 1 } });
    await app.untilCondition('web', 'False', 'ServiceNotFound');
  },
);

scenario(
  'deleted while its spec can’t be read: its backends leave, drained if asked, and it ends',
  async () => {
    await bindTwo({ drain: { seconds: 3 } });
    await using _loose = await looseCrd();
    await app.patchBinding('web', { spec: { weight: TOO_BIG } });
    await untilTold();
    const calls = env.recordCalls(group);
    await app.deleteBinding('web');
    await env.untilRows(group, ['10.90.0.1:8080*0', '10.90.0.2:8080*0', ...foreign]);
    await app.untilCondition('web', 'False', 'Deleting');
    expect(await stalled()).toBe(0);
    await env.untilHolds(group, [], foreign);
    await untilGone('web');
    expect(calls.story()).toEqual([
      'Set 10.90.0.1:8080 10.90.0.2:8080',
      'Remove 10.90.0.1:8080 10.90.0.2:8080',
    ]);
  },
);

scenario('deleted while what becomes of its backends can’t be read: told, ends once corrected', async () => {
  await bindTwo();
  await using _loose = await looseCrd();
  const calls = env.recordCalls(group);
  await app.patchBinding('web', { spec: { deletionPolicy: 'Keep' } });
  await app.untilCondition('web', 'False', 'InvalidSpec');
  await app.deleteBinding('web');
  const { status } = await app.untilCondition('web', 'False', 'DeletionBlocked');
  const message = status?.conditions?.[0]?.message;
  expect(message).toMatch(
    / in vServer group .* can't be read from spec\.deletionPolicy: spec\.deletionPolicy: /,
  );
  expect(await app.events('web')).toContain(`DeletionBlocked: ${message}`);
  expect(await stalled()).toBe(1);
  expect(status?.backends).toHaveLength(2);
  await operator.stop();
  operator = await env.startOperator();
  await waitUntil('it to be found told', async () => (await stalled()) === 1);
  expect(calls.of('Add', 'Set', 'Remove')).toEqual([]);
  await app.patchBinding('web', { spec: { deletionPolicy: 'Remove' } });
  await env.untilHolds(group, [], foreign);
  await untilGone('web');
});

scenario('deleted while its group can’t be read: it ends unless its status names backends', async () => {
  await bindTwo();
  await using _loose = await looseCrd();
  const unreadable = { ...specOf('web'), vServerGroupId: 'lb-1' };
  await env.api.create(app.bindings(), {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: 'never', finalizers: [FINALIZER] },
    spec: unreadable,
  });
  await app.patchBinding('web', { spec: unreadable });
  for (const name of ['web', 'never']) {
    await app.untilCondition(name, 'False', 'InvalidSpec');
    await app.deleteBinding(name);
  }
  await untilGone('never');
  const { status } = await app.untilCondition('web', 'False', 'DeletionBlocked');
  expect(status?.conditions?.[0]?.message).toContain('the group that 2 backends have to leave');
  expect(env.rows(group)).toEqual(['10.90.0.1:8080*100', '10.90.0.2:8080*100', ...foreign].sort());
  await app.patchBinding('web', { spec: specOf('web') });
  await env.untilHolds(group, [], foreign);
  await untilGone('web');
});

scenario('an Exclusive neighbour leaves its rows alone', async () => {
  await bindTwo();
  await using _loose = await looseCrd();
  await app.patchBinding('web', { spec: { weight: TOO_BIG } });
  await untilTold();
  await app.createService('other', { selector: undefined });
  await app.applySlice('other', [{ addresses: ['10.90.0.9'] }]);
  await app.bind('other', group, { ownership: 'Exclusive' });
  await env.untilHolds(group, ['10.90.0.1', '10.90.0.2', '10.90.0.9']);
  await operator.kill();
  operator = await env.startOperator();
  await app.applySlice('other', []);
  await env.untilHolds(group, ['10.90.0.1', '10.90.0.2']);
  await app.untilCondition('other', 'True', 'Synced');
  expect(env.rows(group)).toEqual(['10.90.0.1:8080*100', '10.90.0.2:8080*100']);
});

const untilGone = (name: string) =>
  waitUntil(
    `${name} to be gone`,
    async () => (await env.api.find(`${app.bindings()}/${name}`)) === undefined,
  );

scenario('an API server that takes no status for it: the event is there, and it is asked once', async () => {
  await bindTwo();
  const neighbour = env.createGroup();
  await using _loose = await looseCrd();
  await using _strict = await refuseStatusOf('web');
  await app.patchBinding('web', { spec: { weight: TOO_BIG } });
  await untilEvent('web');
  await waitUntil('the status to be refused', async () => (await errorsWritten()) === 1);
  // Each of these causes a separate status write, at least a second after the previous one.
  await app.bind('other', neighbour, { serviceRef: { name: 'web', port: 80 } });
  for (const address of ['10.90.0.3', '10.90.0.4', '10.90.0.5']) {
    await serve('10.90.0.1', address);
    await env.untilHolds(neighbour, ['10.90.0.1', address]);
    await env.untilStatusTrue(app, 'other', neighbour, { registered: 2 });
  }
  expect(await errorsWritten()).toBe(1);
  const warned = (await operator.lines()).filter(({ message }) => message.includes('takes no status'));
  expect(warned).toMatchObject([{ level: 'warn', binding: `${app.namespace}/web`, attempts: 1 }]);
  expect((await app.events('web')).filter((event) => event.startsWith('InvalidSpec'))).toHaveLength(1);
  await app.patchBinding('web', { spec: { weight: 100 } });
  await env.untilHolds(group, ['10.90.0.1', '10.90.0.5'], foreign);
});

/**
 * Rejects the binding's status with 422 and reason Invalid until this is disposed of, like API servers that validate every write
 * against the whole schema (current ones accept values that were already wrong before).
 */
async function refuseStatusOf(name: string): Promise<AsyncDisposable> {
  const kinds = '/apis/admissionregistration.k8s.io/v1';
  const [policies, policyBindings] = [
    `${kinds}/validatingadmissionpolicies`,
    `${kinds}/validatingadmissionpolicybindings`,
  ];
  const metadata = { name: `whole-schema-${app.namespace}` };
  await env.api.create(policies, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['slb.alibabacloud.com'],
            apiVersions: ['*'],
            resources: ['vservergroupbindings/status'],
            operations: ['UPDATE'],
          },
        ],
      },
      validations: [
        {
          expression: `object.metadata.name != '${name}' || object.metadata.namespace != '${app.namespace}'`,
          message: 'spec.weight in body should be less than or equal to 100',
          reason: 'Invalid',
        },
      ],
    },
  });
  await env.api.create(policyBindings, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: metadata.name, validationActions: ['Deny'] },
  });
  const refusal = () =>
    env.api
      .request(
        'PATCH',
        `${app.bindings()}/${name}/status?dryRun=All`,
        { status: { desired: 7 } },
        'application/merge-patch+json',
      )
      .then(
        () => 0,
        (error: KubeApiError) => error.status,
      );
  await waitUntil('the policy to be in force', async () => (await refusal()) === 422);
  return {
    async [Symbol.asyncDispose]() {
      await env.api.delete(`${policyBindings}/${metadata.name}`);
      await env.api.delete(`${policies}/${metadata.name}`);
    },
  };
}
