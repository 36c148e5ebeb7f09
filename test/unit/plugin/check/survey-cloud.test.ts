import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { refused } from '../../../../src/alibaba/errors/errors.ts';
import type { GroupRef } from '../../../../src/cloud/group-ref.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { type SurveyCloudOptions, surveyCloud } from '../../../../src/plugin/check/survey-cloud.ts';

const DENIED = refused('DescribeVServerGroupAttribute', undefined, {
  ...{ code: 'Forbidden.RAM', text: 'User not authorized to operate on the specified resource.' },
  ...{ httpStatus: 403, requestId: 'R-2' },
});
const NO_GROUP = refused('DescribeVServerGroupAttribute', undefined, {
  ...{ code: 'InvalidParameter', text: 'The specified VServerGroupId does not exist.' },
  ...{ httpStatus: 404, requestId: 'R-1' },
});

/** Pods of a namespace have addresses in its network; those of `closed` may not be listed. */
const NETWORKS: Readonly<Record<string, string>> = { shop: '10.1.0', web: '10.2.0' };

/** Surveys a cloud that has these parts besides credentials and ECS, and a cluster that answers so. */
async function survey(
  cloud: object,
  request: (method: string, path: string) => Promise<object>,
  options: Partial<SurveyCloudOptions>,
) {
  const ecs = { describeNetworkInterfaces: async () => [] };
  const parts = { credentials: { get: async () => ({}) }, client: { ecs }, ...cloud };
  return await surveyCloud({
    ...{ region: 'cn-hangzhou', vpcId: undefined, groupId: undefined, assumableRoles: [] },
    ...{ namespaces: [], bindingSelector: undefined },
    cloud: parts as unknown as SurveyCloudOptions['cloud'],
    heard: { aheadMs: undefined, credentialsFrom: 'the test' },
    endpoints: { slb: 'https://slb.example', ecs: 'https://ecs.example' },
    cluster: {
      transport: { request } as unknown as KubeTransport,
      namespace: 'default',
      aheadMs: () => undefined,
    },
    clock: new FakeClock(),
    signal: new AbortController().signal,
    ...options,
  });
}

async function podsLookedUp(...namespaces: readonly string[]) {
  const request = async (_: string, path: string) => {
    const [, namespace = 'shop'] = /namespaces\/([^/]+)/.exec(path) ?? [];
    if (path.endsWith('/nodes')) return { items: [] };
    if (namespace === 'closed')
      throw new KubeApiError({ method: 'GET', path }, 403, { reason: 'Forbidden', message: '', causes: [] });
    const pod = (_: unknown, i: number) => ({ status: { podIP: `${NETWORKS[namespace]}.${i}` } });
    return { items: Array.from({ length: 50 }, pod) };
  };
  const cloud = { groups: { describe: () => Promise.reject(NO_GROUP) } };
  const { podIPs } = await survey(cloud, request, { namespaces });
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

describe('a group that only a role reads', () => {
  const ROLES = ['acs:ram::1:role/slb', 'acs:ram::2:role/slb', 'acs:ram::3:role/slb'];

  /** Only the second role reads group rsp-b. */
  async function surveyed(groupId: string) {
    const calls: string[] = [];
    const by =
      <T>(action: string, answer: T) =>
      async ({ id, role }: Pick<GroupRef, 'id' | 'role'>) => {
        calls.push(`${action} ${id} ${role?.roleArn}`);
        return answer;
      };
    const groups = {
      async describe({ id, role }: GroupRef) {
        if (id === 'rsp-d' && role?.roleArn === ROLES[1]) throw DENIED;
        if (id !== 'rsp-b' || role?.roleArn !== ROLES[1]) throw NO_GROUP;
        return { loadBalancerId: 'lb-b', rows: [] };
      },
      list: by('list', []),
      describeHealth: by('health', []),
    };
    const rights = { probe: (action: string, group: GroupRef) => by(action, undefined)(group) };
    const request = async () => ({ metadata: { resourceVersion: '1' }, items: [] });
    const seen = await survey({ groups, rights }, request, { groupId, assumableRoles: ROLES });
    return { ...seen, calls };
  }

  test('is looked at with that role, and so are the rights on it', async () => {
    const { group, groupRole, calls } = await surveyed('rsp-b');
    expect([group, groupRole]).toEqual([
      { value: { loadBalancerId: 'lb-b', rows: [] } },
      { roleArn: ROLES[1] },
    ]);
    expect(calls).toEqual([
      `list lb-b ${ROLES[1]}`,
      `health lb-b ${ROLES[1]}`,
      `AddVServerGroupBackendServers rsp-b ${ROLES[1]}`,
      `SetVServerGroupAttribute rsp-b ${ROLES[1]}`,
      `RemoveVServerGroupBackendServers rsp-b ${ROLES[1]}`,
    ]);
  });

  test('is there if a role is denied it, which is then told', async () => {
    expect(await surveyed('rsp-d')).toMatchObject({ group: { failure: DENIED } });
  });

  test('is missed with the operator’s own credentials if no role reads it either', async () => {
    const { group, groupRole, calls } = await surveyed('rsp-c');
    expect([group, groupRole, calls]).toEqual([{ failure: NO_GROUP }, undefined, []]);
  });
});
