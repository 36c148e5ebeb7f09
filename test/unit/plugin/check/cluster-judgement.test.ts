import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { customResourceDefinition } from '../../../../src/api/crd.ts';
import {
  type ClusterSurvey,
  type InstalledWebhook,
  judgeCluster,
  type LeaderElection,
  OLDEST_KUBERNETES,
  type OperatorDeployment,
} from '../../../../src/plugin/check/cluster-judgement.ts';
import type { Level } from '../../../../src/plugin/check/finding.ts';
import { schemaFieldsOf } from '../../../../src/plugin/check/schema-fields.ts';
import type { KubeFailure } from '../../../../src/plugin/check/seen.ts';
import { makeKeyPair } from '../../../environment/key-pair.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const FORBIDDEN: KubeFailure = { is: 'forbidden', message: '403 Forbidden' };
const MISSING: KubeFailure = { is: 'missing', message: '404 NotFound' };
const BROKEN: KubeFailure = { is: 'failed', message: 'ECONNREFUSED' };

const OPERATOR: OperatorDeployment = {
  name: 'vservergroup-operator',
  image: 'registry.example.com/vservergroup-operator:0.1.0',
  ...{ selector: 'app.kubernetes.io/name=slb', wanted: 2, ready: 2, waiting: [], dryRun: { value: false } },
  election: lease({ value: { holder: 'pod-1', renewedAt: NOW - 2_000, durationMs: 15_000 } }),
};

function lease(seen: LeaderElection['lease']): OperatorDeployment['election'] {
  return { value: { namespace: 'vservergroup-operator', leaseName: 'the-lease', lease: seen } };
}

let certificate = '';
let expiry = 0;
beforeAll(async () => {
  certificate = (await makeKeyPair('localhost')).cert;
  expiry = Date.parse(new X509Certificate(certificate).validTo);
});

const webhook = (change: Partial<InstalledWebhook> = {}): InstalledWebhook => ({
  ...{ name: 'the-webhook', service: 'svc', caBundle: certificate },
  readyEndpoints: { value: 2 },
  answers: { value: undefined },
  ...change,
});

const WELL: ClusterSurvey = {
  version: { value: { major: 1, minor: 36 } },
  crd: { value: { established: true, servedVersions: ['v1beta1'], fields: ['spec', 'spec.mode'] } },
  expectedFields: ['spec', 'spec.mode'],
  pluginVersion: '0.1.0',
  namespace: 'vservergroup-operator',
  deployments: { value: [OPERATOR] },
  webhooks: { value: [] },
  now: NOW,
};

const operator = (change: Partial<OperatorDeployment>): Partial<ClusterSurvey> => ({
  deployments: { value: [{ ...OPERATOR, ...change }] },
});

const crd = (
  change: Partial<{ established: boolean; servedVersions: string[]; fields: string[] }>,
): Partial<ClusterSurvey> => ({
  crd: {
    value: { established: true, servedVersions: ['v1beta1'], fields: ['spec', 'spec.mode'], ...change },
  },
});

test('without an API server, one line says so', () => {
  expect(judgeCluster({ ...WELL, version: { failure: BROKEN }, crd: { failure: BROKEN } })).toHaveLength(1);
});

test('where all is well, all is ok', () => {
  expect(judgeCluster(WELL).map(({ check, level }) => `${level} ${check}`)).toEqual([
    'ok Kubernetes',
    'ok CRD',
    'ok operator',
    'ok leader',
    'ok webhook',
  ]);
});

type Case = readonly [
  when: string,
  change: () => Partial<ClusterSurvey>,
  check: string,
  level: Level,
  says: RegExp,
];

const cases: readonly Case[] = [
  [
    'no API server answers',
    () => ({ version: { failure: BROKEN } }),
    'Kubernetes',
    'failed',
    /ECONNREFUSED.*--kubeconfig/,
  ],
  [
    'Kubernetes is too old',
    () => ({ version: { value: { major: 1, minor: 20 } } }),
    'Kubernetes',
    'failed',
    /^1\.20/,
  ],
  [
    'there is no CRD',
    () => ({ crd: { failure: MISSING } }),
    'CRD',
    'failed',
    /not installed.*kubectl apply -f crds/,
  ],
  ['CRDs may not be read', () => ({ crd: { failure: FORBIDDEN } }), 'CRD', 'unknown', /you may not read/],
  [
    'the CRD is of another version',
    () => crd({ servedVersions: ['v1'] }),
    'CRD',
    'failed',
    /serves v1, not v1beta1/,
  ],
  ['the CRD is not served yet', () => crd({ established: false }), 'CRD', 'failed', /does not serve it yet/],
  [
    'the CRD is older',
    () => crd({ fields: ['spec'] }),
    'CRD',
    'failed',
    /older than 0\.1\.0: .* drops spec\.mode/,
  ],
  [
    'the CRD is newer',
    () => crd({ fields: ['spec', 'spec.mode', 'spec.new', 'spec.new.one'] }),
    ...(['CRD', 'warning', /newer than 0\.1\.0: it has spec\.new\. Take/] as const),
  ],
  [
    'no operator is installed',
    () => ({ deployments: { value: [] } }),
    ...(['operator', 'failed', /has no Deployment.*--operator-namespace/] as const),
  ],
  [
    'Deployments may not be read',
    () => ({ deployments: { failure: FORBIDDEN } }),
    'operator',
    'unknown',
    /may not read/,
  ],
  [
    'the operator is scaled to 0',
    () => operator({ wanted: 0, ready: 0 }),
    'operator',
    'failed',
    /scaled to 0.*--replicas 2/,
  ],
  [
    'the operator is scaled to 0: nobody leads',
    () => operator({ wanted: 0, ready: 0 }),
    'leader',
    'unknown',
    /no replica/,
  ],
  [
    'no pod is ready',
    () => operator({ ready: 0, waiting: ['ImagePullBackOff: Back-off pulling image'] }),
    ...(['operator', 'failed', /0 of 2 pods .*ImagePullBackOff.*describe pods/] as const),
  ],
  ['one pod is ready', () => operator({ ready: 1 }), 'operator', 'warning', /1 of 2/],
  [
    'the image is of another version',
    () => operator({ image: 'r/o:0.2.0' }),
    'version',
    'warning',
    /is 0\.2\.0.*0\.1\.0/,
  ],
  [
    'it is a dry run',
    () => operator({ dryRun: { value: true } }),
    'dry run',
    'warning',
    /changes no group.*VSGB_DRY_RUN/,
  ],
  [
    'nobody ever led',
    () => operator({ election: lease({ failure: MISSING }) }),
    'leader',
    'failed',
    /nobody has led yet.*logs -l app.kubernetes.io\/name=slb --prefix/s,
  ],
  [
    'nobody leads',
    () => operator({ election: lease({ value: { holder: '', renewedAt: NOW, durationMs: 15_000 } }) }),
    ...(['leader', 'failed', /nobody holds/] as const),
  ],
  [
    'the leader is gone',
    () =>
      operator({
        election: lease({ value: { holder: 'pod-1', renewedAt: NOW - 90_000, durationMs: 15_000 } }),
      }),
    ...(['leader', 'failed', /not been heard of for 90 s/] as const),
  ],
  [
    'Leases may not be read',
    () => operator({ election: lease({ failure: FORBIDDEN }) }),
    'leader',
    'unknown',
    /the Lease vservergroup-operator\/the-lease/,
  ],
  [
    'the settings may not be read: dry run',
    () => operator({ dryRun: { failure: { what: 'the ConfigMap settings', why: FORBIDDEN } } }),
    ...(['dry run', 'unknown', /you may not read the ConfigMap settings/] as const),
  ],
  [
    'the settings may not be read: leader',
    () => operator({ election: { failure: { what: 'the ConfigMap settings', why: FORBIDDEN } } }),
    ...(['leader', 'unknown', /you may not read the ConfigMap settings/] as const),
  ],
  [
    'the only replica leads without an election',
    () => operator({ election: { value: undefined }, wanted: 1, ready: 1 }),
    ...(['leader', 'ok', /without an election/] as const),
  ],
  [
    'several replicas lead without an election',
    () => operator({ election: { value: undefined } }),
    ...(['leader', 'failed', /2 replicas .*without an election.*with --leader-elect/] as const),
  ],
  [
    'no replica is wanted that would lead without an election',
    () => operator({ election: { value: undefined }, wanted: 0, ready: 0 }),
    ...(['leader', 'unknown', /no replica/] as const),
  ],
  [
    'the webhook answers',
    () => ({ webhooks: { value: [webhook()] }, now: expiry - 4 * 86_400_000 }),
    'webhook',
    'ok',
    /^answers; 2 pods/,
  ],
  [
    'nothing is behind the webhook',
    () => ({ webhooks: { value: [webhook({ readyEndpoints: { value: 0 } })] } }),
    ...(['webhook', 'failed', /no ready endpoint.*none is refused/] as const),
  ],
  [
    'the webhook does not answer',
    () => ({ webhooks: { value: [webhook({ answers: { failure: BROKEN } })] } }),
    ...(['webhook', 'failed', /no answer: ECONNREFUSED.*port 9443/] as const),
  ],
  [
    'who asks may not ask the webhook',
    () => ({ webhooks: { value: [webhook({ answers: { failure: FORBIDDEN } })] } }),
    ...(['webhook', 'unknown', /services\/proxy/] as const),
  ],
  [
    'the API server trusts nobody',
    () => ({ webhooks: { value: [webhook({ caBundle: '' })] } }),
    ...(['webhook trust', 'failed', /no caBundle/] as const),
  ],
  [
    'what it trusts is no certificate',
    () => ({ webhooks: { value: [webhook({ caBundle: 'none' })] } }),
    ...(['webhook trust', 'failed', /is no certificate/] as const),
  ],
  [
    'what it trusts has expired',
    () => ({ webhooks: { value: [webhook()] }, now: expiry + 1 }),
    ...(['webhook trust', 'failed', /has expired/] as const),
  ],
  [
    'what it trusts is about to',
    () => ({ webhooks: { value: [webhook()] }, now: expiry - 86_400_000 }),
    ...(['webhook trust', 'warning', /expires on/] as const),
  ],
  [
    'what it trusts is good for longer',
    () => ({ webhooks: { value: [webhook()] }, now: expiry - 4 * 86_400_000 }),
    ...(['webhook trust', 'ok', /^until/] as const),
  ],
];

test.each(cases)('%s: %#', (_, change, check, level, says) => {
  const found = judgeCluster({ ...WELL, ...change() }).filter((finding) => finding.check === check);
  expect(found).toHaveLength(1);
  const { advice, message } = found[0]!;
  expect([found[0]?.level, `${message}. ${advice ?? ''}`]).toEqual([level, expect.stringMatching(says)]);
  expect(advice !== undefined).toBe(level !== 'ok');
});

describe('what is compared with', () => {
  test('the oldest Kubernetes is that of the chart', () => {
    const chart = join(import.meta.dirname, '../../../../deploy/helm/vservergroup-operator/Chart.yaml');
    const { major, minor } = OLDEST_KUBERNETES;
    expect(parse(readFileSync(chart, 'utf8')).kubeVersion).toBe(`>=${major}.${minor}.0-0`);
  });

  test('the fields of the CRD are named with their objects and lists', () => {
    const fields = schemaFieldsOf(customResourceDefinition().spec.versions[0]?.schema.openAPIV3Schema);
    expect(fields).toEqual(
      expect.arrayContaining(['spec', 'spec.drain.seconds', 'status.backends[].state', 'status.conditions']),
    );
    expect(new Set(fields).size).toBe(fields.length);
  });
});
