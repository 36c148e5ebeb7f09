import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { FINALIZER } from '../../../../src/api/names.ts';
import { Finalizers } from '../../../../src/controller/binding/finalizers.ts';
import { type BindingObject, transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';

function binding(
  resourceVersion: string,
  spec: object = {},
  finalizers: readonly string[] = [],
): BindingObject {
  return transformBinding({
    metadata: { namespace: 'shop', name: 'web', uid: 'u1', resourceVersion, generation: 1, finalizers },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...spec },
  });
}

/** Responds with these statuses in turn, then with 200. */
function finalizersAnswered(...statuses: (number | [status: number, reason: string])[]) {
  const may = { write: true };
  const sent: unknown[] = [];
  const told: string[] = [];
  const request = async (_method: string, _path: string, { body }: { body?: unknown } = {}) => {
    sent.push(body);
    const [status, reason = ''] = [statuses.shift() ?? 200].flat() as [number, string?];
    if (status !== 200)
      throw new KubeApiError({ method: 'PATCH', path: '/' }, status, { reason, message: '', causes: [] });
    return {};
  };
  const clock = new FakeClock();
  const hooks = {
    mayWrite: () => may.write,
    onFailed: (_binding: unknown, error: unknown, attempts: number, retryInMs: number) => {
      told.push(`${(error as KubeApiError).status}: failed ${attempts} times, again in ${retryInMs} ms`);
    },
    lookAgain: ({ resourceVersion }: BindingObject) => void told.push(`look again at ${resourceVersion}`),
  };
  return { finalizers: new Finalizers({ request } as never, clock, hooks), sent, told, may, clock };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('one patch for each version of a binding: the cache shows the result a moment later', async () => {
  const { finalizers, sent } = finalizersAnswered();
  finalizers.ensure(binding('1'));
  await settle();
  finalizers.ensure(binding('1'));
  await settle();
  expect(sent).toEqual([{ metadata: { uid: 'u1', resourceVersion: '1', finalizers: [FINALIZER] } }]);
});

test('a patch that a status write of our own has overtaken is told, since nobody else comes again', async () => {
  const { finalizers, sent, told, clock } = finalizersAnswered(409);
  finalizers.ensure(binding('1'));
  await clock.advance(99);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual(['look again at 1']);
  finalizers.ensure(binding('2'));
  await settle();
  expect(sent).toHaveLength(2);
});

test('nothing is sent once this process may not write any more', async () => {
  const { finalizers, sent, may } = finalizersAnswered();
  may.write = false;
  finalizers.ensure(binding('1'));
  await settle();
  expect(sent).toEqual([]);
  may.write = true;
  finalizers.ensure(binding('1'));
  await settle();
  expect(sent).toHaveLength(1);
});

test('of a binding that is gone nothing is told', async () => {
  const { finalizers, told } = finalizersAnswered([404, 'NotFound']);
  finalizers.ensure(binding('1'));
  await settle();
  expect(told).toEqual([]);
});

test('a gateway that finds nothing does not mean that the binding is gone', async () => {
  const { finalizers, sent, clock } = finalizersAnswered(404);
  finalizers.ensure(binding('1'));
  await clock.advance(1_000);
  finalizers.ensure(binding('1'));
  await settle();
  expect(sent).toHaveLength(2);
});

test('a failed patch is told, and sent again for the same version, after a pause', async () => {
  const { finalizers, sent, told, clock } = finalizersAnswered(500);
  finalizers.ensure(binding('1'));
  await clock.advance(999);
  finalizers.ensure(binding('1'));
  await clock.advance(1);
  expect(told).toEqual(['500: failed 1 times, again in 1000 ms', 'look again at 1', 'look again at 1']);
  expect(sent).toHaveLength(1);
  finalizers.ensure(binding('1'));
  await settle();
  expect(sent).toHaveLength(2);
});

test('of a binding that is gone, or has the finalizer by now, no failure is left', async () => {
  const { finalizers, clock } = finalizersAnswered(403, 403);
  const object = binding('1');
  finalizers.ensure(object);
  await clock.advance(1_000);
  finalizers.ensure(object);
  await settle();
  expect(finalizers.failureOf(object)).toMatchObject({ write: 'add', binding: 'shop/web' });
  expect(finalizers.failureOf(binding('2', {}, [FINALIZER]))).toBeUndefined();
  finalizers.forget(object);
  expect(finalizers.failureOf(object)).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('a patch that fails after its binding is gone, or the loop has stopped, leaves nothing behind', async () => {
  const { finalizers, told, clock } = finalizersAnswered(403, 403);
  finalizers.ensure(binding('1'));
  finalizers.forget(binding('1'));
  await settle();
  finalizers.ensure(binding('2'));
  finalizers.stop();
  await settle();
  expect([told, clock.pending]).toEqual([[], 0]);
});

test('one whose spec cannot be read gets no finalizer, and loses none but ours', async () => {
  const { finalizers, sent } = finalizersAnswered();
  const unreadable = { weight: 101 };
  finalizers.ensure(binding('1', unreadable));
  await settle();
  expect(sent).toEqual([]);
  finalizers.release(binding('2', unreadable, ['shop.example/own', FINALIZER]));
  await settle();
  expect(sent).toMatchObject([{ metadata: { finalizers: ['shop.example/own'] } }]);
});
