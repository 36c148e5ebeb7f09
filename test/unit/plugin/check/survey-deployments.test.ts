import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readManifests } from '../../../../lab/control-plane/api/manifest.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { ClusterReader } from '../../../../src/plugin/check/cluster-reader.ts';
import { deploymentsIn } from '../../../../src/plugin/check/survey-deployments.ts';

const NAMESPACE = 'ops';
const LEASE = /\/namespaces\/([^/]+)\/leases\/(.*)$/;

interface Settings {
  readonly args?: readonly string[];
  readonly config?: Readonly<Record<string, string>>;
  readonly env?: readonly object[];
  /** Ends of paths that may not be read. */
  readonly forbidden?: readonly string[];
}

const refusal = (path: string, status: number) =>
  new KubeApiError({ method: 'GET', path }, status, { reason: '', message: '', causes: [] });

/** Reads a cluster with these objects. */
function readerOf(request: (path: string) => unknown): ClusterReader {
  const cluster = {
    transport: { request: async (_: string, path: string) => request(path) } as unknown as KubeTransport,
    namespace: 'default',
    aheadMs: () => undefined,
  };
  return new ClusterReader(cluster, new AbortController().signal);
}

/** The one Deployment there is, whose container has these settings; every Lease is held by its own path. */
async function survey({ args = [], config = {}, env = [], forbidden = [] }: Settings) {
  const container = { name: 'operator', args, env, envFrom: [{ configMapRef: { name: 'settings' } }] };
  const object = {
    metadata: { name: 'operator', labels: { 'app.kubernetes.io/name': 'vservergroup-operator' } },
    spec: { template: { spec: { containers: [container] } } },
  };
  const reader = readerOf((path) => {
    if (forbidden.some((end) => path.endsWith(end))) throw refusal(path, 403);
    if (path.endsWith('/deployments')) return { items: [object] };
    if (path.endsWith('/pods')) return { items: [] };
    if (path.endsWith('/configmaps/settings')) return { data: config };
    const [, namespace, name] = LEASE.exec(path) ?? [];
    if (name !== undefined) return { spec: { holderIdentity: `${namespace}/${name}` } };
    throw refusal(path, 404);
  });
  const found = await deploymentsIn(reader, NAMESPACE);
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** What is found of these settings: a dry run or not, and the Lease that is read; or what may not be read. */
async function found(settings: Settings) {
  const { dryRun, election } = (await survey(settings)).deployment;
  const lease = 'value' in election ? election.value?.lease : undefined;
  const holder = lease && ('value' in lease ? lease.value.holder : 'unreadable');
  return {
    dryRun: 'value' in dryRun ? dryRun.value : dryRun.failure.what,
    lease: 'value' in election ? holder : election.failure.what,
  };
}

const USUAL = { dryRun: false, lease: `${NAMESPACE}/vservergroup-operator` };
const DRY_ALONE = { VSGB_DRY_RUN: 'true', VSGB_LEADER_ELECT: 'false' };

test.each<readonly [string, Settings, Awaited<ReturnType<typeof found>>]>([
  ['none', {}, USUAL],
  ['flags that are on', { args: ['--dry-run', '--leader-elect'] }, { ...USUAL, dryRun: true }],
  [
    'flags that are off',
    { args: ['--no-leader-elect', '--no-dry-run'] },
    { dryRun: false, lease: undefined },
  ],
  [
    'flags with a value',
    { args: ['--leader-elect=false', '--dry-run=true'] },
    { dryRun: true, lease: undefined },
  ],
  ['flags over variables', { args: ['--no-dry-run', '--leader-elect'], config: DRY_ALONE }, USUAL],
  ['the last of two flags', { args: ['--no-dry-run', '--dry-run'] }, { ...USUAL, dryRun: true }],
  ['variables', { config: DRY_ALONE }, { dryRun: true, lease: undefined }],
  [
    'variables of the container over those of its ConfigMap, also with an empty value, which counts as unset',
    { config: DRY_ALONE, env: ['VSGB_DRY_RUN', 'VSGB_LEADER_ELECT'].map((name) => ({ name, value: '' })) },
    USUAL,
  ],
  [
    'a Lease of their own',
    { args: ['--leader-elect-lease-name', 'one'], config: { VSGB_LEADER_ELECT_NAMESPACE: 'leases' } },
    { dryRun: false, lease: 'leases/one' },
  ],
  [
    'a Lease whose names are empty',
    { config: { VSGB_LEADER_ELECT_LEASE_NAME: '', VSGB_LEADER_ELECT_NAMESPACE: '' } },
    USUAL,
  ],
  [
    'a namespace of the Lease that the pod tells',
    {
      env: [
        {
          name: 'VSGB_LEADER_ELECT_NAMESPACE',
          valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } },
        },
      ],
    },
    USUAL,
  ],
  [
    'KUBECONFIG, which is as good as the flag',
    { env: [{ name: 'KUBECONFIG', value: '/config' }] },
    { dryRun: false, lease: undefined },
  ],
  [
    'a kubeconfig, with which there is no election unless it is set',
    { config: { VSGB_KUBECONFIG: '/config' } },
    { dryRun: false, lease: undefined },
  ],
])('settings are read as the operator reads them: %s', async (_, settings, expected) => {
  expect(await found(settings)).toEqual(expected);
});

test.each<readonly [string, Settings, Awaited<ReturnType<typeof found>>]>([
  ['are not taken for unset', {}, { dryRun: 'the ConfigMap settings', lease: 'the ConfigMap settings' }],
  [
    'do not matter where flags decide',
    { args: ['--no-dry-run', '--no-leader-elect'] },
    { dryRun: false, lease: undefined },
  ],
  [
    'do not matter where variables of the container decide',
    {
      args: ['--leader-elect'],
      env: ['VSGB_DRY_RUN', 'VSGB_LEADER_ELECT_NAMESPACE', 'VSGB_LEADER_ELECT_LEASE_NAME'].map((name) => ({
        name,
        value: '',
      })),
    },
    USUAL,
  ],
  [
    'may name the Lease',
    { args: ['--leader-elect', '--dry-run'] },
    { dryRun: true, lease: 'the ConfigMap settings' },
  ],
])('settings that may not be read %s', async (_, settings, expected) => {
  expect(await found({ ...settings, forbidden: ['/configmaps/settings'] })).toEqual(expected);
});

test('pods that may not be listed are not taken for none', async () => {
  expect((await survey({})).pod).toEqual({ value: undefined });
  expect((await survey({ forbidden: ['/pods'] })).pod).toEqual({
    failure: { what: `the pods of ${NAMESPACE}`, why: expect.objectContaining({ is: 'forbidden' }) },
  });
});

test('the operator is told from other Deployments of its namespace, whatever labels they have', async () => {
  const base = join(import.meta.dirname, '../../../../deploy/base/deployment.yaml');
  const [manifest] = await readManifests(base);
  const { metadata } = manifest!.object;
  const other = { metadata: { name: 'other' }, spec: { template: { spec: { containers: [{ env: [] }] } } } };
  const labels = { 'app.kubernetes.io/name': 'slb' };
  const items = [other, { ...manifest!.object, metadata: { ...metadata, labels } }];
  const reader = readerOf((path) => ({ items: path.endsWith('/deployments') ? items : [] }));
  const deployments = await deploymentsIn(reader, NAMESPACE);
  expect(deployments.map(({ deployment: { name } }) => name)).toEqual(['vservergroup-operator']);
});
