import { expect, test } from '@jest/globals';
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
function finalizersAnswered(...statuses: number[]) {
  const may = { write: true };
  const sent: unknown[] = [];
  const told: string[] = [];
  const request = async (_method: string, _path: string, { body }: { body?: unknown } = {}) => {
    sent.push(body);
    const status = statuses.shift() ?? 200;
    if (status !== 200)
      throw new KubeApiError({ method: 'PATCH', path: '/' }, status, { reason: '', message: '', causes: [] });
    return {};
  };
  const hooks = {
    mayWrite: () => may.write,
    onError: (_binding: unknown, error: unknown, outdated: boolean) => {
      told.push(`${(error as KubeApiError).status} ${outdated ? 'outdated' : 'failed'}`);
    },
  };
  return { finalizers: new Finalizers({ request } as never, hooks), sent, told, may };
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
  const { finalizers, sent, told } = finalizersAnswered(409);
  finalizers.ensure(binding('1'));
  await settle();
  expect(told).toEqual(['409 outdated']);
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
  const { finalizers, told } = finalizersAnswered(404);
  finalizers.ensure(binding('1'));
  await settle();
  expect(told).toEqual([]);
});

test('a failed patch is told, and sent again for the same version', async () => {
  const { finalizers, sent, told } = finalizersAnswered(500);
  finalizers.ensure(binding('1'));
  await settle();
  finalizers.ensure(binding('1'));
  await settle();
  expect(told).toEqual(['500 failed']);
  expect(sent).toHaveLength(2);
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
