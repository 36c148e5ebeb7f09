import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readManifests } from '../../../../lab/control-plane/api/manifest.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { ClusterReader } from '../../../../src/plugin/check/cluster-reader.ts';
import { webhooksOf } from '../../../../src/plugin/check/survey-webhooks.ts';

const WEBHOOK = join(import.meta.dirname, '../../../../deploy/components/webhook/webhook.yaml');

test('the webhook of a namespace is told from others, whatever labels they have', async () => {
  const [manifest] = await readManifests(WEBHOOK);
  const ours = manifest!.object as unknown as { metadata: object; webhooks: readonly object[] };
  const other = { ...ours, webhooks: ours.webhooks.map((one) => ({ ...one, name: 'other' })) };
  const items = [other, { ...ours, metadata: { ...ours.metadata, labels: {} } }];
  const request = async (_: string, path: string) => ({
    items: path.endsWith('/mutatingwebhookconfigurations') ? items : [],
  });
  const transport = { request } as unknown as KubeTransport;
  const cluster = { transport, namespace: 'default', aheadMs: () => undefined };
  const reader = new ClusterReader(cluster, new AbortController().signal);
  const found = (namespace: string) => webhooksOf(reader, namespace);
  expect(await found('vservergroup-operator')).toMatchObject([{ name: 'vservergroup-operator-webhook' }]);
  expect(await found('elsewhere')).toEqual([]);
});
