import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { refused } from '../../../../src/alibaba/errors/errors.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { type SurveyCloudOptions, surveyCloud } from '../../../../src/plugin/check/survey-cloud.ts';

const NO_GROUP = refused('DescribeVServerGroupAttribute', undefined, {
  ...{ code: 'InvalidParameter', text: 'The specified VServerGroupId does not exist.' },
  ...{ httpStatus: 404, requestId: 'R-1' },
});

/** Pods of a namespace have addresses in its network; those of `closed` may not be listed. */
const NETWORKS: Readonly<Record<string, string>> = { shop: '10.1.0', web: '10.2.0' };

async function podsLookedUp(...namespaces: readonly string[]) {
  const request = async (_: string, path: string) => {
    const [, namespace = 'shop'] = /namespaces\/([^/]+)/.exec(path) ?? [];
    if (path.endsWith('/nodes')) return { items: [] };
    if (namespace === 'closed')
      throw new KubeApiError({ method: 'GET', path }, 403, { reason: 'Forbidden', message: '', causes: [] });
    const pod = (_: unknown, i: number) => ({ status: { podIP: `${NETWORKS[namespace]}.${i}` } });
    return { items: Array.from({ length: 50 }, pod) };
  };
  const cloud = {
    credentials: { get: async () => ({}) },
    client: {
      vServerGroups: { describe: () => Promise.reject(NO_GROUP) },
      ecs: { describeNetworkInterfaces: async () => [] },
    },
  };
  const { podIPs } = await surveyCloud({
    ...{ region: 'cn-hangzhou', vpcId: undefined, groupId: undefined, assumableRoles: [] },
    ...{ namespaces, bindingSelector: undefined },
    cloud: cloud as unknown as SurveyCloudOptions['cloud'],
    heard: { aheadMs: undefined, credentialsFrom: 'the test' },
    endpoints: { slb: 'https://slb.example', ecs: 'https://ecs.example' },
    cluster: {
      transport: { request } as unknown as KubeTransport,
      namespace: 'default',
      aheadMs: () => undefined,
    },
    clock: new FakeClock(),
    signal: new AbortController().signal,
  });
  return podIPs;
}

test('pods are looked up from every namespace of the operator, and not more of them', async () => {
  for (const namespaces of [[], ['shop'], ['shop', 'web']]) {
    const podIPs = await podsLookedUp(...namespaces);
    expect(podIPs).toEqual({ value: expect.any(Array) });
    const addresses = 'value' in podIPs ? podIPs.value : [];
    expect(addresses).toHaveLength(20);
    for (const namespace of namespaces)
      expect(addresses.filter((ip) => ip.startsWith(NETWORKS[namespace]!))).toHaveLength(
        20 / namespaces.length,
      );
  }
});

test('pods that may not be listed matter only if there are no others', async () => {
  expect(await podsLookedUp('closed', 'web')).toMatchObject({ value: { length: 10 } });
  expect(await podsLookedUp('closed')).toMatchObject({ failure: { is: 'forbidden' } });
});
