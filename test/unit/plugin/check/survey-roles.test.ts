import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { createApiError } from '../../../../src/alibaba/errors/errors.ts';
import { API_VERSION } from '../../../../src/api/names.ts';
import type { GroupRef } from '../../../../src/cloud/group-ref.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { KubeTransport, RequestOptions } from '../../../../src/kubernetes/client/transport-types.ts';
import { surveyRoles } from '../../../../src/plugin/check/survey-roles.ts';

const ROLE = 'acs:ram::1234567890123456:role/slb';
const REFUSED = createApiError({
  ...{ action: 'AssumeRole', code: 'NoPermission', text: 'no' },
  ...{ kind: 'credentials', outcome: 'refused' },
});

const binding = (namespace: string, name: string, externalId: string) => ({
  apiVersion: API_VERSION,
  kind: 'VServerGroupBinding',
  metadata: { namespace, name, uid: name, resourceVersion: '1', generation: 1 },
  spec: {
    ...{ vServerGroupId: 'rsp-1', serviceRef: { name, port: 80 } },
    assumeRole: { roleArn: ROLE, externalId },
  },
});

interface Surveyed {
  readonly assumableRoles?: readonly string[];
  readonly bindings?: readonly ReturnType<typeof binding>[];
  readonly namespaces?: readonly string[];
  readonly bindingSelector?: string;
}

/** The role's trust policy wants the id web/1; bindings of the namespace `closed` may not be listed. */
async function survey({
  assumableRoles = [ROLE],
  bindings = [binding('web', 'web', 'web/1')],
  namespaces = [],
  bindingSelector,
}: Surveyed) {
  const lists: string[] = [];
  const request = async (_: string, path: string, options?: RequestOptions) => {
    const [, namespace] = /namespaces\/([^/]+)/.exec(path) ?? [];
    lists.push([namespace ?? 'all', options?.query?.['labelSelector']].filter(Boolean).join(' '));
    if (namespace === 'closed')
      throw new KubeApiError({ method: 'GET', path }, 403, { reason: 'Forbidden', message: '', causes: [] });
    const items = bindings.filter(
      ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
    );
    return { metadata: { resourceVersion: '1' }, items };
  };
  const describe = async ({ role }: GroupRef) => {
    if (role?.externalId !== 'web/1') throw REFUSED;
    return { loadBalancerId: 'lb-1', rows: [] };
  };
  const surveyed = await surveyRoles({
    ...{ region: 'cn-hangzhou', assumableRoles, namespaces, bindingSelector },
    cloud: { groups: { describe } as unknown as Parameters<typeof surveyRoles>[0]['cloud']['groups'] },
    cluster: { transport: { request } as unknown as KubeTransport },
    clock: new FakeClock(),
    signal: new AbortController().signal,
  });
  return { ...surveyed, lists };
}

const ASSUMED = {
  role: { roleArn: ROLE, externalId: 'web/1' },
  isNamed: { value: true },
  asked: { value: expect.anything() },
};

test('a role is assumed with the external id of a binding in any namespace of the operator', async () => {
  const { roles, lists } = await survey({ namespaces: ['shop', 'web'] });
  expect(roles).toEqual([ASSUMED]);
  expect(lists).toEqual(['shop', 'web']);
  expect((await survey({})).lists).toEqual(['all']);
});

test('only bindings that the operator handles are listed', async () => {
  expect((await survey({ bindingSelector: 'team=web' })).lists).toEqual(['all team=web']);
});

test('what can be listed counts, also where another namespace may not be listed', async () => {
  expect((await survey({ namespaces: ['closed', 'web'] })).roles).toEqual([ASSUMED]);
});

test('a role that nothing listed names: whether a binding names it is known only if all were listed', async () => {
  const ofNamespaces = async (...namespaces: readonly string[]) => (await survey({ namespaces })).roles;
  const unnamed = { role: { roleArn: ROLE }, asked: { failure: REFUSED } };
  expect(await ofNamespaces('shop')).toEqual([{ ...unnamed, isNamed: { value: false } }]);
  expect(await ofNamespaces('shop', 'closed')).toEqual([
    { ...unnamed, isNamed: { failure: expect.objectContaining({ is: 'forbidden' }) } },
  ]);
});

test('of too many external ids each role still gets one, and how many are left is told', async () => {
  const other = 'acs:ram::2234567890123456:role/slb';
  const bindings = Array.from({ length: 30 }, (_, i) => binding('web', `web-${i}`, `web/${i}`));
  const { roles, untriedRoles } = await survey({ assumableRoles: [ROLE, other], bindings });
  expect(roles.map(({ role }) => role.roleArn)).toEqual([...Array.from({ length: 19 }, () => ROLE), other]);
  expect(untriedRoles).toBe(11);
});
