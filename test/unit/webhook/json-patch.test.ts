import { expect, test } from '@jest/globals';
import { jsonPatch } from '../../../src/webhook/json-patch.ts';

test('what is not there is added, with its parents', () => {
  const pod = { spec: { containers: [{ name: 'a' }, { name: 'b', lifecycle: {} }] } };
  expect(
    jsonPatch(pod, [
      { path: ['metadata', 'annotations', 'a/b~c'], value: '1' },
      { path: ['spec', 'containers', 0, 'lifecycle', 'preStop'], value: { x: 1 } },
      { path: ['spec', 'containers', 1, 'lifecycle', 'preStop'], value: { x: 2 } },
    ]),
  ).toEqual([
    { op: 'add', path: '/metadata', value: { annotations: { 'a/b~c': '1' } } },
    { op: 'add', path: '/spec/containers/0/lifecycle', value: { preStop: { x: 1 } } },
    { op: 'add', path: '/spec/containers/1/lifecycle/preStop', value: { x: 2 } },
  ]);
});

test('what is there is replaced, null too; keys are escaped', () => {
  const pod = { metadata: { annotations: { 'a/b~c': '1', other: 'x' } }, spec: { readinessGates: null } };
  expect(
    jsonPatch(pod, [
      { path: ['metadata', 'annotations', 'a/b~c'], value: '2' },
      { path: ['spec', 'readinessGates'], value: [] },
    ]),
  ).toEqual([
    { op: 'replace', path: '/metadata/annotations/a~1b~0c', value: '2' },
    { op: 'replace', path: '/spec/readinessGates', value: [] },
  ]);
});

test('the second of two changes finds what the first has made', () => {
  expect(
    jsonPatch({}, [
      { path: ['metadata', 'annotations', 'a'], value: '1' },
      { path: ['metadata', 'annotations', 'b'], value: '2' },
    ]),
  ).toEqual([
    { op: 'add', path: '/metadata', value: { annotations: { a: '1' } } },
    { op: 'add', path: '/metadata/annotations/b', value: '2' },
  ]);
});

test('the index behind the last item of a list appends to it', () => {
  const pod = { spec: { readinessGates: [{ conditionType: 'other' }] } };
  expect(jsonPatch(pod, [{ path: ['spec', 'readinessGates', 1], value: { conditionType: 'ours' } }])).toEqual(
    [{ op: 'add', path: '/spec/readinessGates/1', value: { conditionType: 'ours' } }],
  );
});
