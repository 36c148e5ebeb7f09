import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KubeApi } from '../../../lab/control-plane/api/kube-api.ts';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { READINESS_GATE } from '../../../src/api/names.ts';
import { conditionOf, createGatedApp, type GatedPod } from '../../environment/gated-pods.ts';

let env: Environment;
/** Has the operator's rights. */
let operator: KubeApi;
let pod: string;

const gate = (more: object = {}) => ({
  conditions: [{ type: READINESS_GATE, status: 'True', reason: 'Registered', ...more }],
});
const patch = (body: object, type: 'strategic' | 'merge' | 'json' = 'strategic') =>
  operator.patch<GatedPod>(`${pod}/status`, body, type);

beforeAll(async () => {
  env = await Environment.start();
  await allowGates(env.api);
  operator = await KubeApi.fromKubeconfig(env.operatorKubeconfig);
  const app = await env.createNamespace('rights');
  await createGatedApp(app, 'web', { replicas: 1 });
  const name = await waitUntil('a pod that runs', async () => {
    const [one] = await app.pods('web');
    return one?.status.podIP !== undefined && one.metadata.name;
  });
  pod = `${app.path('api/v1', 'pods')}/${name}`;
  let probes = 0;
  // Each attempt uses a new value: a value that was accepted before would be no change, which the policy always allows.
  await waitUntil('the policy to be in force', () =>
    patch({ metadata: { labels: { probe: `${++probes}` } } }).then(
      () => false,
      (error: Error) => error.message.includes('ValidatingAdmissionPolicy'),
    ),
  );
}, 120_000);

afterAll(async () => {
  await operator?.close();
  await env?.close();
});

describe('with the component for readiness gates the operator', () => {
  test('opens the gate of a pod, and closes it', async () => {
    expect(conditionOf(await patch({ status: gate() }))).toMatchObject({ status: 'True' });
    expect(conditionOf(await patch({ status: gate({ status: 'False' }) }))).toMatchObject({
      status: 'False',
    });
  });

  test.each<[string, object]>([
    ['another condition', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }],
    [
      'another condition beside it',
      { status: { conditions: [...gate().conditions, { type: 'x/y', status: 'True' }] } },
    ],
    ['a condition away', { status: { conditions: [{ $patch: 'delete', type: 'Initialized' }] } }],
    ['the phase', { status: { phase: 'Failed' } }],
    ['the address', { status: { podIP: '192.0.2.1' } }],
    ['what containers say', { status: { containerStatuses: [{ name: 'app', ready: false }] } }],
    ['a field that it had not', { status: { message: 'x', ...gate() } }],
    ['labels', { metadata: { labels: { app: 'other' } }, status: gate() }],
    ['annotations', { metadata: { annotations: { a: 'b' } }, status: gate() }],
    ['finalizers', { metadata: { finalizers: ['example.com/x'] }, status: gate() }],
  ])('can not write %s', async (_, body) => {
    await expect(patch(body)).rejects.toThrow(
      /ValidatingAdmissionPolicy .* denied request: the operator may change/,
    );
  });

  test('can not write the pod itself', async () => {
    await expect(operator.patch(pod, { metadata: { labels: { a: 'b' } } })).rejects.toThrow('403');
    await expect(operator.delete(pod)).rejects.toThrow('403');
  });

  test('keeps nobody else from it', async () => {
    const phase = { status: { message: 'by somebody else' } };
    expect(await env.api.patch(`${pod}/status`, phase, 'strategic')).toMatchObject(phase);
  });

  test('can not write to another pod of that name', async () => {
    const body = { metadata: { uid: 'another' }, status: gate() };
    await expect(patch(body)).rejects.toThrow('metadata.uid');
  });
});
