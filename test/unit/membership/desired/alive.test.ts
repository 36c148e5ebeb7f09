import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  departureOf,
  type Found,
  findNode,
  findPod,
  type Standing,
  standingOf,
} from '../../../../src/membership/desired/alive.ts';
import type { NodeView, PodsView, PodView } from '../../../../src/membership/desired/cluster.ts';
import { node, nodes } from '../builders.ts';

const READY: PodView = {
  uid: 'uid-1',
  terminating: false,
  ended: false,
  ready: true,
  able: true,
  registrable: false,
  ips: ['10.0.0.1'],
};
const ready = { byKubernetes: true, ready: true, serving: true };
const serving = { byKubernetes: true, ready: false, serving: true };
const neither = { byKubernetes: true, ready: false, serving: false };
const byHand = { ...ready, byKubernetes: false };
const pod = (change: Partial<PodView>): PodView => ({ ...READY, ...change });
const here = node('n1');

describe('standing', () => {
  const cases: readonly (readonly [
    string,
    Found<NodeView>,
    Found<PodView>,
    { byKubernetes: boolean; ready: boolean; serving: boolean },
    Standing,
  ])[] = [
    ['all is well', here, READY, ready, 'member'],
    ['the node is gone', 'gone', READY, ready, 'none'],
    ['the pod is gone', here, 'gone', ready, 'none'],
    ['the pod is gone, and a list by hand names it', here, 'gone', byHand, 'none'],
    ['the pod has ended', here, pod({ ended: true, ready: true }), byHand, 'none'],
    ['the pod terminates and serves', here, pod({ terminating: true }), ready, 'last resort'],
    ['… and the list has noticed', here, pod({ terminating: true }), serving, 'last resort'],
    ['… and the list says that it serves no more', here, pod({ terminating: true }), neither, 'none'],
    ['the pod terminates and serves no more', here, pod({ terminating: true, ready: false }), ready, 'none'],
    ['a probe fails', here, pod({ ready: false, able: false }), ready, 'none'],
    [
      'a probe fails, and a list by hand says ready',
      here,
      pod({ ready: false, able: false }),
      byHand,
      'member',
    ],
    ['the node controller says not ready', here, pod({ ready: false }), ready, 'unreachable'],
    ['… and the list has noticed', here, pod({ ready: false }), neither, 'unreachable'],
    ['the list is late to say ready', here, READY, neither, 'member'],
    [
      'a list by hand says that it serves only',
      here,
      READY,
      { ...serving, byKubernetes: false },
      'last resort',
    ],
    ['a list by hand says that it is not ready', here, READY, { ...neither, byKubernetes: false }, 'none'],
    ['nothing is known but the list', 'unknown', 'unknown', ready, 'member'],
    ['pod and node are elsewhere', 'elsewhere', 'elsewhere', ready, 'member'],
    ['they are elsewhere and serve', 'elsewhere', 'elsewhere', serving, 'last resort'],
    ['they are elsewhere and do not serve', 'elsewhere', 'elsewhere', neither, 'none'],
  ];

  test.each(cases)('%s', (_name, nodeFound, podFound, list, standing) => {
    expect(standingOf({ list, pod: podFound, node: nodeFound, published: false, opensGates: false })).toBe(
      standing,
    );
  });

  test('publishNotReadyAddresses: a pod that is not ready is a member, one that terminates is none', () => {
    const standing = (change: Partial<PodView>) =>
      standingOf({ list: ready, pod: pod(change), node: here, published: true, opensGates: false });
    expect(standing({ ready: false, able: false })).toBe('member');
    expect(standing({ ready: false })).toBe('member');
    expect(standing({ ready: false, able: false, terminating: true })).toBe('none');
    expect(standing({ terminating: true })).toBe('last resort');
  });

  const found = <T>(one: fc.Arbitrary<T>) =>
    fc.oneof(one, fc.constantFrom('gone' as const, 'elsewhere' as const, 'unknown' as const));
  const anyPod = fc.record({
    uid: fc.constant('uid-1'),
    terminating: fc.boolean(),
    ended: fc.boolean(),
    ready: fc.boolean(),
    able: fc.boolean(),
    registrable: fc.boolean(),
    ips: fc.constant(['10.0.0.1']),
  });
  const anyNode = fc.boolean().map((isReady) => node('n1', { ready: isReady }));
  const anyList = fc.record({ byKubernetes: fc.boolean(), ready: fc.boolean(), serving: fc.boolean() });
  const witnesses = fc.record({
    list: anyList,
    pod: found(anyPod),
    node: found(anyNode),
    published: fc.boolean(),
    opensGates: fc.boolean(),
  });

  test('whatever the lists say: no member is gone, has ended or terminates', () => {
    fc.assert(
      fc.property(witnesses, (all) => {
        if (standingOf(all) !== 'member') return;
        expect([all.pod, all.node]).not.toContain('gone');
        if (typeof all.pod === 'object') expect([all.pod.ended, all.pod.terminating]).toEqual([false, false]);
      }),
    );
  });

  test.each<readonly [string, Partial<PodView>, Found<NodeView>, boolean, Standing]>([
    ['waits for its group', { able: false }, here, true, 'member'],
    ['has been let in, and is not said to be Ready yet', {}, here, true, 'member'],
    ['waits, and its binding opens no gates', { able: false }, here, false, 'none'],
    ['waits on a node that nothing is known of', { able: false }, 'unknown', true, 'member'],
    ['waits on a node that is not Ready', { able: false }, node('n1', { ready: false }), true, 'unreachable'],
    ['waits on a node that is gone', { able: false }, 'gone', true, 'none'],
    ['waits and terminates', { able: false, terminating: true }, here, true, 'none'],
    ['waits and has ended', { able: false, ended: true }, here, true, 'none'],
  ])('a pod with our gate that %s', (_name, change, nodeFound, opensGates, standing) => {
    const waiting = pod({ ready: false, registrable: true, ...change });
    const of = (list: typeof ready) =>
      standingOf({ list, pod: waiting, node: nodeFound, published: false, opensGates });
    expect(of(neither)).toBe(standing);
    // A hand-written list is taken at its word.
    expect(of({ ...neither, byKubernetes: false })).toBe('none');
  });

  test('gates change nothing but for pods of Kubernetes that wait for their group', () => {
    fc.assert(
      fc.property(witnesses, (all) => {
        const closed = standingOf({ ...all, opensGates: false });
        const opened = standingOf({ ...all, opensGates: true });
        const { pod: one, node: on, list } = all;
        const waits = typeof one === 'object' && one.registrable && !one.ready && list.byKubernetes;
        const lives = typeof one === 'object' && !one.ended && !one.terminating && on !== 'gone';
        if (!waits || !lives || closed === 'member') expect(opened).toBe(closed);
        else expect(opened).toBe(typeof on === 'object' && !on.ready ? 'unreachable' : 'member');
      }),
    );
  });

  test('a pod that lives and is ready is a member wherever a list says so', () => {
    fc.assert(
      fc.property(witnesses, (all) => {
        const lives =
          typeof all.pod !== 'object' || (all.pod.ready && !all.pod.ended && !all.pod.terminating);
        if (lives && all.pod !== 'gone' && all.node !== 'gone' && all.list.ready)
          expect(standingOf(all)).toBe('member');
      }),
    );
  });
});

test.each([
  ['is Ready', {}, undefined],
  ['is not Ready and does not say why', { ready: false }, undefined],
  ['is not Ready, for it shuts down', { ready: false, shuttingDown: true }, 'shutdown'],
  ['is Ready again after it said that it shuts down', { shuttingDown: true }, undefined],
  ['has an instance that is about to be released', { expiring: true }, 'release'],
  ['has one, and is not Ready', { ready: false, expiring: true }, 'release'],
  ['has one, and shuts down', { ready: false, shuttingDown: true, expiring: true }, 'shutdown'],
] as const)('the departure of a node that %s', (_name, change, departure) => {
  expect(departureOf(node('n1', change))).toBe(departure);
});

describe('the pod that an endpoint names', () => {
  const ref = { namespace: 'shop', name: 'a', uid: 'uid-a' };
  const own = { byKubernetes: true, namespace: 'shop', resourceVersion: '100' };
  const foreign = { ...own, byKubernetes: false };
  const pods = (change: Partial<PodsView> = {}): PodsView => ({
    get: () => undefined,
    had: () => false,
    hadAt: () => false,
    isAsNewAs: () => true,
    ...change,
  });
  const known = nodes(here);
  const at = { ip: '10.0.0.1', pod: ref };

  test.each([
    ['no pod', { ip: '10.0.0.1' }, own, pods(), 'unknown'],
    [
      'a pod of another namespace',
      { ip: '10.0.0.1', pod: { ...ref, namespace: 'x' } },
      own,
      pods(),
      'elsewhere',
    ],
    ['the pods are not known', at, own, undefined, 'unknown'],
    ['it is here', at, own, pods({ get: () => READY }), READY],
    ['it is here with another address', at, own, pods({ get: () => pod({ ips: ['10.9.9.9'] }) }), 'gone'],
    ['it is here without an address yet', at, own, pods({ get: () => pod({ ips: [] }) }), pod({ ips: [] })],
    [
      'a list by hand gives it another address',
      at,
      foreign,
      pods({ get: () => pod({ ips: ['10.9.9.9'] }) }),
      pod({ ips: ['10.9.9.9'] }),
    ],
    [
      'it, or one of its name, is here without the address that it had',
      at,
      foreign,
      pods({ get: () => pod({ ips: [] }), hadAt: () => true }),
      'gone',
    ],
    ['it was here', at, foreign, pods({ had: () => true }), 'gone'],
    ['it is not here', at, own, pods(), 'gone'],
    ['it is not here, and the list is newer', at, own, pods({ isAsNewAs: () => false }), 'unknown'],
    ['a list by hand names one that never was here', at, foreign, pods(), 'elsewhere'],
    ['… on a node that is here', { ...at, nodeName: 'n1' }, foreign, pods(), 'gone'],
    ['… on a node of elsewhere', { ...at, nodeName: 'n9' }, foreign, pods(), 'elsewhere'],
  ] as const)('%s', (_name, address, list, view, wanted) => {
    expect(findPod(address, list, view, known)).toEqual(wanted);
  });

  test('the node: here, gone, or elsewhere', () => {
    const had = { ...known, had: (name: string) => name === 'n2' };
    expect(findNode({}, own, known)).toBe('unknown');
    expect(findNode({ nodeName: 'n1' }, foreign, known)).toBe(here);
    expect(findNode({ nodeName: 'n9' }, own, known)).toBe('gone');
    expect(findNode({ nodeName: 'n9' }, foreign, known)).toBe('elsewhere');
    expect(findNode({ nodeName: 'n2' }, foreign, had)).toBe('gone');
  });
});
