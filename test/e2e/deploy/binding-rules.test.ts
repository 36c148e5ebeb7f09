import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { applyFiles } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi } from '../../../lab/control-plane/api/kube-api.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { BINDINGS, createBinding } from '../../environment/bindings.ts';

const CRD = join(import.meta.dirname, '../../../crds/slb.alibabacloud.com_vservergroupbindings.yaml');

jest.setTimeout(60_000);

let plane: ControlPlane;
let api: KubeApi;

beforeAll(async () => {
  plane = await startControlPlane({ kwok: false, scheduler: false, controllerManager: false });
  api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  await applyFiles(api, [CRD]);
}, 30 * 60_000);

afterAll(async () => {
  await api?.close();
  await plane?.stop();
});

describe('taken', () => {
  test.each<[string, object]>([
    ['a port by name', { serviceRef: { name: 'web', port: 'http' } }],
    [
      'a port name that is no IANA name: a Service may have up to 63 letters',
      { serviceRef: { name: 'web', port: 'a-long-name-of-a-port' } },
    ],
    ['a node selector with ecs', { backendType: 'ecs', nodeSelector: { matchLabels: { a: 'b' } } }],
    [
      'a group by name',
      { vServerGroupId: undefined, vServerGroup: { loadBalancerId: 'lb-bp1a', name: '网站 Web/1' } },
    ],
    ['weight 0', { weight: 0 }],
    ['a drain without seconds', { drain: {} }],
    [
      'everything',
      {
        regionId: 'cn-shanghai-finance-1',
        backendType: 'ecs',
        mode: 'RemoveOnly',
        ownership: 'Exclusive',
        weight: 1,
        nodeSelector: {
          matchExpressions: [
            { key: 'a', operator: 'In', values: ['b'] },
            { key: 'c', operator: 'Exists' },
          ],
        },
        drain: { seconds: 30, propagationSeconds: 600 },
        minBackends: 2,
        deletionPolicy: 'Retain',
        suspend: true,
      },
    ],
  ])('%s', async (name, change) => {
    await createBinding(api, slug(name), change);
  });
});

const NAMED = { loadBalancerId: 'lb-bp1a', name: 'web' };
const BY_NAME = { vServerGroupId: undefined, vServerGroup: NAMED };
const ONE_GROUP = 'exactly one of vServerGroupId and vServerGroup must be given';
const PORT = 'must be a port number from 1 to 65535 or the name of a port of the Service';
const IMMUTABLE = 'cannot be changed: delete the binding and create another one';
const SELECTOR = 'values are needed for In and NotIn, and not allowed for Exists and DoesNotExist';
const selector = (operator: string, values?: string[]) => ({
  backendType: 'ecs',
  nodeSelector: { matchExpressions: [{ key: 'a', operator, ...(values && { values }) }] },
});

describe('refused with a sentence', () => {
  test.each<[string, object, string]>([
    [
      'an id that is no group',
      { vServerGroupId: 'lb-1' },
      'spec.vServerGroupId: Invalid value: must be the id of a vServer group: rsp- and then letters and digits',
    ],
    ['no group', { vServerGroupId: undefined }, `spec: Invalid value: ${ONE_GROUP}`],
    ['a group by id and by name', { vServerGroup: NAMED }, `spec: Invalid value: ${ONE_GROUP}`],
    [
      'a load balancer that is none',
      { vServerGroupId: undefined, vServerGroup: { ...NAMED, loadBalancerId: 'rsp-1' } },
      'spec.vServerGroup.loadBalancerId: Invalid value: must be the id of a classic load balancer: lb- and then letters and digits',
    ],
    [
      'a name without its load balancer',
      { vServerGroupId: undefined, vServerGroup: { name: 'web' } },
      'spec.vServerGroup.loadBalancerId: Required value',
    ],
    [
      'an empty name',
      { vServerGroupId: undefined, vServerGroup: { ...NAMED, name: '' } },
      'spec.vServerGroup.name in body should be at least 1 chars long',
    ],
    [
      'a name of 81 letters',
      { vServerGroupId: undefined, vServerGroup: { ...NAMED, name: 'a'.repeat(81) } },
      'spec.vServerGroup.name: Too long',
    ],
    ['no service', { serviceRef: undefined }, 'spec.serviceRef: Required value'],
    ['no port', { serviceRef: { name: 'web' } }, 'spec.serviceRef.port: Required value'],
    [
      'a region that is none',
      { regionId: 'Hangzhou' },
      'spec.regionId: Invalid value: must be the id of a region, as cn-hangzhou',
    ],
    [
      'a service name that is none',
      { serviceRef: { name: 'Web', port: 80 } },
      'spec.serviceRef.name: Invalid value: must be the name of a Service',
    ],
    ['port 0', { serviceRef: { name: 'web', port: 0 } }, `spec.serviceRef.port: Invalid value: ${PORT}`],
    [
      'port 65536',
      { serviceRef: { name: 'web', port: 65_536 } },
      `spec.serviceRef.port: Invalid value: ${PORT}`,
    ],
    [
      'a number in quotes',
      { serviceRef: { name: 'web', port: '80' } },
      `spec.serviceRef.port: Invalid value: ${PORT}`,
    ],
    [
      'a port name that is none',
      { serviceRef: { name: 'web', port: 'HTTP' } },
      `spec.serviceRef.port: Invalid value: ${PORT}`,
    ],
    [
      'a port name of 64 letters',
      { serviceRef: { name: 'web', port: 'a'.repeat(64) } },
      `spec.serviceRef.port: Invalid value: ${PORT}`,
    ],
    ['weight 101', { weight: 101 }, 'spec.weight in body should be less than or equal to 100'],
    ['weight -1', { weight: -1 }, 'spec.weight in body should be greater than or equal to 0'],
    [
      'an unknown backend type',
      { backendType: 'eci' },
      'spec.backendType: Unsupported value: "eci": supported values: "eni", "ecs"',
    ],
    [
      'an unknown mode',
      { mode: 'AddOnly' },
      'spec.mode: Unsupported value: "AddOnly": supported values: "Sync", "RemoveOnly"',
    ],
    ['an unknown ownership', { ownership: 'Mine' }, 'spec.ownership: Unsupported value: "Mine"'],
    [
      'an unknown deletion policy',
      { deletionPolicy: 'Keep' },
      'spec.deletionPolicy: Unsupported value: "Keep"',
    ],
    [
      'a node selector with eni',
      { nodeSelector: { matchLabels: { a: 'b' } } },
      'spec: Invalid value: nodeSelector can only be used with backendType ecs',
    ],
    ['In without values', selector('In'), SELECTOR],
    ['NotIn with none', selector('NotIn', []), SELECTOR],
    ['Exists with values', selector('Exists', ['b']), SELECTOR],
    ['an unknown operator', selector('Gt', ['1']), 'Unsupported value: "Gt"'],
    [
      'a drain of more than an hour',
      { drain: { seconds: 3601 } },
      'spec.drain.seconds in body should be less than or equal to 3600',
    ],
    [
      'a propagation of more than ten minutes',
      { drain: { propagationSeconds: 601 } },
      'spec.drain.propagationSeconds in body should be less than or equal to 600',
    ],
    [
      'a propagation of less than nothing',
      { drain: { propagationSeconds: -1 } },
      'spec.drain.propagationSeconds in body should be greater than or equal to 0',
    ],
    [
      'minBackends below 0',
      { minBackends: -1 },
      'spec.minBackends in body should be greater than or equal to 0',
    ],
    ['a field that is misspelt', { weigth: 5 }, 'unknown field "spec.weigth"'],
  ])('%s', async (name, change, message) => {
    expect(await refusal(createBinding(api, slug(name), change))).toContain(message);
  });

  test.each<[string, object, object, string]>([
    [
      'another group',
      {},
      { vServerGroupId: 'rsp-other' },
      `spec.vServerGroupId: Invalid value: ${IMMUTABLE}`,
    ],
    [
      'another group by name',
      BY_NAME,
      { vServerGroup: { name: 'api' } },
      `spec.vServerGroup: Invalid value: ${IMMUTABLE}`,
    ],
    [
      'an id instead of a name',
      BY_NAME,
      { vServerGroupId: 'rsp-1', vServerGroup: null },
      'vServerGroupId and vServerGroup cannot replace each other: delete the binding and create another one',
    ],
    [
      'a name instead of an id',
      {},
      { vServerGroupId: null, vServerGroup: NAMED },
      'vServerGroupId and vServerGroup cannot replace each other: delete the binding and create another one',
    ],
    [
      'another region',
      { regionId: 'cn-hangzhou' },
      { regionId: 'cn-beijing' },
      `spec.regionId: Invalid value: ${IMMUTABLE}`,
    ],
    [
      'a region added',
      {},
      { regionId: 'cn-beijing' },
      'regionId cannot be added or removed: delete the binding and create another one',
    ],
    [
      'a region removed',
      { regionId: 'cn-hangzhou' },
      { regionId: null },
      'regionId cannot be added or removed: delete the binding and create another one',
    ],
  ])('%s', async (name, before, change, message) => {
    await createBinding(api, slug(name), before);
    expect(await refusal(api.patch(`${BINDINGS}/${slug(name)}`, { spec: change }))).toContain(message);
  });
});

/** The API server's message, without the value that it quotes. */
async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('was taken'),
    (reason: Error) => reason,
  );
  return error.message.replace(/Invalid value: ("[^"]*"|\d+): /g, 'Invalid value: ');
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/-$/, '');
}
