import { expect, test } from '@jest/globals';
import { Store, type StoreChange } from '../../../../src/kubernetes/informer/store.ts';

interface Thing {
  readonly key: string;
  readonly resourceVersion: string;
  readonly zones: readonly string[];
}

const thing = (key: string, resourceVersion: string, ...zones: string[]): Thing => ({
  key,
  resourceVersion,
  zones,
});

function observed() {
  const errors: unknown[] = [];
  const store = new Store<Thing>({ onHandlerError: (error) => errors.push(error) }).index(
    'zone',
    (of) => of.zones,
  );
  const changes: StoreChange<Thing>[] = [];
  store.onChange((change) => changes.push(change));
  const told = () =>
    changes
      .splice(0)
      .map(({ type, old, new: now }) => `${type} ${old?.resourceVersion ?? '-'} ${now?.key ?? old?.key}`);
  return { store, errors, told };
}

test('tells of what was added, modified and removed, with the object before and after', () => {
  const { store, told } = observed();
  store.set(thing('a', '1'));
  store.set(thing('a', '2'));
  store.remove('a');
  store.remove('a');
  expect(told()).toEqual(['added - a', 'modified 1 a', 'removed 2 a']);
  expect(store.size).toBe(0);
});

test('an object of the stored version is not a change', () => {
  const { store, told } = observed();
  store.set(thing('a', '1'));
  store.set(thing('a', '1'));
  store.replace([thing('a', '1')]);
  expect(told()).toEqual(['added - a']);
});

test('an object of the stored version that a list shows otherwise is a change: versions are given out anew after a restore', () => {
  const { store, told } = observed();
  store.set(thing('a', '1', 'z1'));
  told();
  store.replace([thing('a', '1', 'z2')]);
  expect(told()).toEqual(['modified 1 a']);
  expect(store.byIndex('zone', 'z2')).toHaveLength(1);
});

test('its version is another one after each change, and the same as long as nothing changes', () => {
  const { store } = observed();
  const versions = [store.version];
  const steps = [
    () => store.set(thing('a', '1')),
    () => store.set(thing('a', '2')),
    () => store.replace([thing('b', '3')]),
    () => store.remove('b'),
  ];
  for (const step of steps) {
    step();
    versions.push(store.version);
    store.replace(store.list());
    store.remove('nobody');
    expect(store.version).toBe(versions.at(-1));
  }
  expect(new Set(versions).size).toBe(steps.length + 1);
});

test('replace tells the difference only, removals first', () => {
  const { store, told } = observed();
  store.replace([thing('a', '1'), thing('b', '2'), thing('c', '3')]);
  told();
  store.replace([thing('d', '9'), thing('b', '2'), thing('c', '8')]);
  expect(told()).toEqual(['removed 1 a', 'added - d', 'modified 3 c']);
});

test('a handler never sees half of a list', () => {
  const { store } = observed();
  store.replace([thing('a', '1'), thing('b', '2')]);
  const seen: string[] = [];
  store.onChange(() =>
    seen.push(
      store
        .list()
        .map(({ key }) => key)
        .join(),
    ),
  );
  store.replace([thing('c', '3'), thing('d', '4')]);
  expect(new Set(seen)).toEqual(new Set(['c,d']));
});

test('indexes follow additions, modifications and removals', () => {
  const { store } = observed();
  const inZone = (zone: string) => store.byIndex('zone', zone).map(({ key }) => key);
  store.set(thing('a', '1', 'x', 'y'));
  store.set(thing('b', '2', 'x'));
  expect(inZone('x')).toEqual(['a', 'b']);
  store.set(thing('a', '3', 'y'));
  expect([inZone('x'), inZone('y')]).toEqual([['b'], ['a']]);
  store.remove('b');
  expect(inZone('x')).toEqual([]);
});

test('an index may be named after the store was filled; twice, or unknown, is a mistake', () => {
  const { store } = observed();
  store.set(thing('a', '1', 'x'));
  store.index('first', (of) => [of.key.slice(0, 1)]);
  expect(store.byIndex('first', 'a')).toEqual([thing('a', '1', 'x')]);
  expect(() => store.index('first', () => [])).toThrow(/already/);
  expect(() => store.byIndex('none', 'a')).toThrow(/no index none/);
});

test('a handler that throws is counted and reported, and stops no other', () => {
  const { store, errors } = observed();
  const seen: string[] = [];
  store.onChange(() => {
    throw new Error('mine');
  });
  store.onChange(({ type }) => seen.push(type));
  store.set(thing('a', '1'));
  store.set(thing('a', '2'));
  expect([seen, errors.length]).toEqual([['added', 'modified'], 2]);
});
