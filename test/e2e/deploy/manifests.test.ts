import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Agent, request } from 'undici';
import { applyFiles, applyFolder } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { BINDINGS, createBinding, spec } from '../../environment/bindings.ts';

const root = join(import.meta.dirname, '../../..');
const BUILD_MS = 30 * 60_000;

jest.setTimeout(60_000);

let plane: ControlPlane;
let api: KubeApi;
let applied: readonly KubeObject[];

beforeAll(async () => {
  plane = await startControlPlane({ kwok: false, scheduler: false, controllerManager: false });
  api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  applied = await applyFolder(api, join(root, 'deploy/base'));
}, BUILD_MS);

afterAll(async () => {
  await api?.close();
  await plane?.stop();
});

describe('the CRD', () => {
  test('is established and its schema is structural', async () => {
    const crd = await api.get<{ status: { conditions: { type: string; status: string }[] } }>(
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vservergroupbindings.slb.alibabacloud.com',
    );
    const conditions = Object.fromEntries(crd.status.conditions.map(({ type, status }) => [type, status]));
    expect(conditions).toMatchObject({ Established: 'True', NamesAccepted: 'True' });
    expect(conditions['NonStructuralSchema'] ?? 'False').toBe('False');
  });

  test('fills in the defaults', async () => {
    expect(await createBinding(api, 'defaults')).toMatchObject({
      spec: {
        ...spec,
        backendType: 'eni',
        mode: 'Sync',
        ownership: 'Shared',
        weight: 100,
        minBackends: 0,
        deletionPolicy: 'Remove',
        suspend: false,
      },
    });
  });

  test('has observedGeneration -1 before the first report, so that a wait for it waits', async () => {
    await createBinding(api, 'unseen');
    expect(await api.get(`${BINDINGS}/unseen`)).toMatchObject({ status: { observedGeneration: -1 } });
  });

  test('is documented in every field, for kubectl explain', async () => {
    const path = '/openapi/v3/apis/slb.alibabacloud.com/v1beta1';
    const schemas = await waitUntil('the schema to be published', async () => {
      const document = await api.find<{ components: { schemas: Record<string, Schema> } }>(path);
      return document?.components.schemas['com.alibabacloud.slb.v1beta1.VServerGroupBinding'];
    });
    const { spec, status } = schemas.properties ?? {};
    const fields = [...fieldsOf('spec', spec ?? {}), ...fieldsOf('status', status ?? {})];
    expect(fields.length).toBeGreaterThan(40);
    expect(fields.filter(([, { description }]) => !description).map(([name]) => name)).toEqual([]);
  });

  test('shows the columns that people look for', async () => {
    const vServerGroup = { loadBalancerId: 'lb-bp1a', name: 'shop' };
    await createBinding(api, 'shown', { vServerGroupId: undefined, vServerGroup, mode: 'RemoveOnly' });
    await api.request(
      'PATCH',
      `${BINDINGS}/shown/status`,
      {
        status: {
          ...{ vServerGroupId: 'rsp-bp1a', desired: 3, registered: 2, draining: 1 },
          conditions: [condition('True')],
        },
      },
      'application/merge-patch+json',
    );
    const { columnDefinitions, rows } = await table(`${BINDINGS}/shown`);
    const shown = columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name);
    expect(shown).toEqual([
      'Name',
      'Group',
      'Service',
      'Mode',
      'Desired',
      'Registered',
      'Draining',
      'Ready',
      'Age',
    ]);
    const cells = columnDefinitions.map(({ name }, index) => [name, rows[0]?.cells[index]]);
    expect(Object.fromEntries(cells)).toMatchObject({
      Name: 'shown',
      Group: 'rsp-bp1a',
      GroupName: 'shop',
      Service: 'web',
      Mode: 'RemoveOnly',
      Desired: 3,
      Registered: 2,
      Draining: 1,
      Ready: 'True',
      Reason: 'Synced',
    });
  });

  test('can be called vsgb, and is in the category slb', async () => {
    const { resources } = await api.get<{
      resources: { name: string; shortNames?: string[]; categories?: string[] }[];
    }>('/apis/slb.alibabacloud.com/v1beta1');
    expect(resources.find(({ name }) => name === 'vservergroupbindings')).toMatchObject({
      shortNames: ['vsgb'],
      categories: ['slb'],
    });
  });

  test('keeps status and spec apart', async () => {
    await createBinding(api, 'apart');
    await api.patch(`${BINDINGS}/apart`, { status: { desired: 7 }, spec: { weight: 5 } });
    const object = await api.get<{ status: object; spec: object }>(`${BINDINGS}/apart`);
    expect(object.spec).toMatchObject({ weight: 5 });
    expect(object.status).not.toMatchObject({ desired: 7 });
  });

  test('takes a status of as many backends as it may have', async () => {
    await createBinding(api, 'large');
    const row = {
      serverId: 'eni-bp1abcdefghijklmnopq',
      serverIp: '10.0.0.1',
      port: 80,
      type: 'eni',
      weight: 100,
    };
    const backends = Array.from({ length: 2000 }, () => ({
      ...row,
      state: 'Registered',
      pod: 'web-5d7f6c9b8-abcde',
    }));
    await api.patch(`${BINDINGS}/large/status`, { status: { backends } });
    await expect(
      api.patch(`${BINDINGS}/large/status`, { status: { backends: [...backends, backends[0]] } }),
    ).rejects.toThrow('must have at most 2000 items');
  });
});

describe('deploy/', () => {
  test('is taken whole by an API server, Pod Security included', () => {
    expect(applied.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining([
        'Namespace',
        'ClusterRole',
        'Role',
        'Deployment',
        'PodDisruptionBudget',
        'NetworkPolicy',
      ]),
    );
  });

  test('its pods meet the restricted Pod Security standard that its namespace enforces', async () => {
    const { spec } = await api.get<{ spec: { template: { spec: object } } }>(
      '/apis/apps/v1/namespaces/vservergroup-operator/deployments/vservergroup-operator',
    );
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: spec.template.spec };
    await api.create('/api/v1/namespaces/vservergroup-operator/pods?dryRun=All', pod);
  });

  test('the operator can read no Secret and change no Service', async () => {
    const kubeconfig = await plane.kubeconfigForServiceAccount(
      'vservergroup-operator',
      'vservergroup-operator',
    );
    await using operator = await KubeApi.fromKubeconfig(kubeconfig);
    await operator.list('/api/v1/services');
    await operator.list(BINDINGS);
    await operator.get('/api/v1/namespaces/kube-system');
    await expect(operator.list('/api/v1/secrets')).rejects.toMatchObject({ status: 403 });
    await expect(operator.get('/api/v1/namespaces/default')).rejects.toMatchObject({ status: 403 });
    await expect(operator.delete('/api/v1/namespaces/default/services/kubernetes')).rejects.toMatchObject({
      status: 403,
    });
    await expect(operator.delete(`${BINDINGS}/any`)).rejects.toMatchObject({ status: 403 });
  });

  test('every sample is taken as it is', async () => {
    const samples = await applyFolder(api, join(root, 'deploy/samples'));
    expect(samples.filter(({ kind }) => kind === 'VServerGroupBinding')).toHaveLength(4);
  });

  test('applying it again changes nothing', async () => {
    const [file] = [join(root, 'deploy/base/deployment.yaml')];
    const before = await applyFiles(api, [file]);
    const after = await applyFiles(api, [file]);
    expect(after[0]?.metadata.resourceVersion).toBe(before[0]?.metadata.resourceVersion);
  });
});

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
}

function* fieldsOf(name: string, schema: Schema): Generator<[string, Schema]> {
  yield [name, schema];
  for (const [field, inner] of Object.entries(schema.properties ?? {}))
    yield* fieldsOf(`${name}.${field}`, inner);
  for (const [field, inner] of Object.entries(schema.items?.properties ?? {}))
    yield* fieldsOf(`${name}[].${field}`, inner);
}

interface Table {
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: unknown[] }[];
}

/** The table that kubectl get requests. */
async function table(path: string): Promise<Table> {
  const agent = new Agent({ connect: { ca: await readFile(plane.caFile, 'utf8') } });
  try {
    const { body } = await request(`${plane.server}${path}`, {
      dispatcher: agent,
      headers: {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
        authorization: `Bearer ${plane.adminToken}`,
      },
    });
    return (await body.json()) as Table;
  } finally {
    await agent.close();
  }
}

function condition(status: string) {
  return {
    type: 'Ready',
    status,
    reason: 'Synced',
    message: 'ok',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
}
