import { beforeEach, expect, test } from '@jest/globals';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { drain } from '../../../../src/plugin/commands/drain.ts';
import { runCommand } from '../plugin-call.ts';

const ON_N1 = {
  ...{ serverId: 'eni-1', serverIp: '10.0.0.1', port: 8080, type: 'eni' },
  ...{ weight: 100, node: 'n1', pod: 'web-1', podUID: 'uid-1' },
};

const POD = {
  metadata: { namespace: 'shop', name: 'web-1', uid: 'uid-1', resourceVersion: '1' },
  status: { phase: 'Running' },
};

/** The pod behind the backend, if it is there. */
let pod: object | undefined;

beforeEach(() => {
  pod = POD;
});

/** Drains node n1, or ends its drain, while the one backend on it is shown as this; nothing is waited for. */
async function drainOf(backend: object, words: readonly string[] = [], spec: object = {}, reason = 'Synced') {
  const binding = {
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-web', resourceVersion: '1', generation: 1 },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...spec },
    status: {
      observedGeneration: 1,
      conditions: [
        {
          type: 'Ready',
          status: reason === 'Synced' ? 'True' : 'False',
          reason,
          message: '',
          lastTransitionTime: since,
        },
      ],
      backends: [{ ...ON_N1, ...backend }],
    },
  };
  const transport = {
    request: async (method: string, path: string) => {
      if (path.endsWith('/nodes/n1')) return {};
      if (path !== '/api/v1/namespaces/shop/pods/web-1')
        return { metadata: { resourceVersion: '1' }, items: [binding] };
      if (pod !== undefined) return pod;
      throw new KubeApiError({ method, path }, 404, { reason: 'NotFound', message: '', causes: [] });
    },
  } as unknown as KubeTransport;
  const { code, written } = runCommand(drain, ['n1', '--force', '--timeout', '0s', ...words], { transport });
  return { code: await code, ...written };
}

const since = '2026-01-01T00:00:00Z';
const message = 'still has weight 100';

test.each<[string, object, number]>([
  ['it has its weight', { state: 'Registered' }, 1],
  ['its weight is 0 anyway', { state: 'Registered', weight: 0 }, 0],
  ['it drains', { state: 'Draining' }, 0],
  ['it is to drain, and weight 0 is not set yet', { state: 'Draining', message }, 1],
  ['it leaves with weight 0', { state: 'Draining', drainingSince: since }, 0],
  ['it leaves, and weight 0 is not set yet', { state: 'Draining', drainingSince: since, message }, 1],
  ['it is about to be removed', { state: 'Removing' }, 1],
  ['minBackends holds it with weight 0', { state: 'Held' }, 0],
  ['minBackends holds it with its weight', { state: 'Held', message }, 1],
])('a backend of which the status says that %s', async (_, backend, code) => {
  expect(await drainOf(backend)).toMatchObject({ code });
});

test('what keeps its weight is shown with it, and why', async () => {
  const shown = async (backend: object) => (await drainOf({ state: 'Draining', ...backend })).stdout;
  expect(await shown({ message })).toMatch(/ 100 +Draining +still has weight 100\n$/);
  expect(await shown({})).toMatch(/ 0 +Draining\b/);
});

test.each<[string, object, string]>([
  ['is suspended', { suspend: true }, 'Suspended'],
  ['is unreadable', { weight: 101 }, 'InvalidSpec'],
  ['names a role that may not be assumed', {}, 'RoleNotAllowed'],
])('a binding that %s keeps its weights: told, and not waited for', async (_, spec, reason) => {
  const { code, stdout, stderr } = await drainOf({ state: 'Registered' }, [], spec, reason);
  expect([code, stdout]).toEqual([1, expect.stringContaining('10.0.0.1:8080')]);
  expect(stderr).not.toContain('not done in time');
});

test.each<[string, object, number]>([
  ['has its weight', { state: 'Registered' }, 0],
  ['is still to get it back', { state: 'Draining' }, 1],
  ['leaves', { state: 'Draining', drainingSince: since }, 0],
  ['is held with its weight', { state: 'Held', message }, 0],
  ['is held, and still to get it back', { state: 'Held' }, 1],
  ['is held, with weight 0 as before the drain', { state: 'Held', weight: 0 }, 0],
  [
    'is a node that is held, and still to get it back',
    { state: 'Held', pod: undefined, podUID: undefined },
    1,
  ],
])('--undo, and a backend %s', async (_, backend, code) => {
  expect(await drainOf(backend, ['--undo'])).toMatchObject({ code });
});

test.each<[string, object | undefined]>([
  ['gone', undefined],
  ['gone, and another has its name', { ...POD, metadata: { ...POD.metadata, uid: 'uid-2' } }],
  ['at its end', { ...POD, status: { phase: 'Succeeded' } }],
])('--undo does not wait for a backend that is held with weight 0 and whose pod is %s', async (_, found) => {
  pod = found;
  expect(await drainOf({ state: 'Held' }, ['--undo'])).toMatchObject({ code: 0 });
});
