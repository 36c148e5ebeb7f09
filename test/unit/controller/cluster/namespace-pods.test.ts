import { expect, test } from '@jest/globals';
import { NamespacePods } from '../../../../src/controller/cluster/namespace-pods.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import type { PodObject } from '../../../../src/kubernetes/objects/objects.ts';

const named = (uid: string) => ({ namespace: 'shop', name: 'a', uid });

function podsWith(...uids: readonly string[]) {
  const store = new Store<PodObject>();
  const pods = new NamespacePods(store, () => '1');
  for (const uid of uids) {
    store.set({
      ...{ key: 'shop/a', namespace: 'shop', name: 'a', uid, resourceVersion: uid, annotations: {}, ips: [] },
      ...{
        terminating: false,
        ended: false,
        ready: true,
        able: true,

        holdSeconds: 0,
      },
    });
  }
  return { store, pods };
}

test('a pod that was here and is no more is known by its UID, and by its name while no other has that', () => {
  const { store, pods } = podsWith('1', '2');
  expect([pods.had(named('1')), pods.had(named('2')), pods.had(named(''))]).toEqual([true, false, false]);
  store.remove('shop/a');
  expect([pods.had(named('2')), pods.had(named(''))]).toEqual([true, true]);
});

test.each<readonly [boolean, Partial<PodObject>]>([
  [true, { ready: true }],
  [true, { ready: false, registrable: true }],
  [false, { ready: false, registrable: false }],
  [false, { ready: false }],
  [false, { ready: true, ended: true }],
])('that a pod can answer requests is %s if it is %j', (answers, state) => {
  const { store, pods } = podsWith('1');
  store.set({ ...(store.get('shop/a') as PodObject), resourceVersion: '2', ...state });
  expect(pods.isReady('1')).toBe(answers);
});

test.each<readonly [string, readonly string[], readonly boolean[]]>([
  ['is gone: it was here, by its name too', [], [true, true]],
  ['is followed by another one of its name: it alone is gone', ['2'], [true, false]],
  ['is here', ['1'], [false, false]],
])('a pod that a status names and that %s', (_, here, [byUID, byName]) => {
  const { pods } = podsWith(...here);
  pods.remember(named('1'), undefined);
  expect([pods.had(named('1')), pods.had(named(''))]).toEqual([byUID, byName]);
});

test('an address that a pod had is remembered by its name, until a pod of that name has it again', () => {
  const { store, pods } = podsWith();
  const at = (uid: string, ...ips: readonly string[]) =>
    store.set({
      ...{
        key: 'shop/a',
        namespace: 'shop',
        name: 'a',
        uid,
        resourceVersion: `${uid} ${ips.join()}`,
        annotations: {},
        ips,
      },
      ...{
        terminating: false,
        ended: false,
        ready: true,
        able: true,

        holdSeconds: 0,
      },
    });
  at('1', '10.0.0.1');
  expect(pods.hadAt(named(''), '10.0.0.1')).toBe(false);
  at('1', '10.0.0.2');
  expect(pods.hadAt(named(''), '10.0.0.1')).toBe(true);
  store.remove('shop/a');
  at('2');
  expect(pods.hadAt(named(''), '10.0.0.2')).toBe(true);
  at('2', '10.0.0.2');
  expect(pods.hadAt(named(''), '10.0.0.2')).toBe(false);
  // From another network: no pod has ever reported this address.
  pods.remember(named('2'), '172.16.0.1');
  expect(pods.hadAt(named(''), '172.16.0.1')).toBe(false);
  pods.remember(named('0'), '10.0.0.9');
  expect(pods.hadAt(named(''), '10.0.0.9')).toBe(true);
});
