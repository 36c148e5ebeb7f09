import { describe, expect, test } from '@jest/globals';
import { transformBinding } from '../../../../src/controller/cluster/cluster-caches.ts';
import { emptiedGroups } from '../../../../src/plugin/drain/emptied-groups.ts';

interface Backend {
  readonly ip: string;
  readonly node: string;
  readonly weight?: number;
  readonly state?: string;
  readonly message?: string;
}

function binding(
  name: string,
  backends: readonly Backend[],
  foreign: number,
  spec: object = {},
  reason = 'Synced',
) {
  return transformBinding({
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, generation: 1 },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name, port: 80 }, ...spec },
    status: {
      observedGeneration: 1,
      foreign,
      conditions: [
        { type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
      backends: backends.map(({ ip, weight = 100, state = 'Registered', ...rest }) => ({
        ...{ serverId: 'eni-1', serverIp: ip, port: 8080, type: 'eni', weight, state, ...rest },
      })),
    },
  });
}

const on = (node: string, ...ips: readonly string[]) => ips.map((ip) => ({ ip, node }));
const emptied = (...bindings: readonly ReturnType<typeof binding>[]) => emptiedGroups(bindings, 'n1');

describe('a group of one binding', () => {
  test('is emptied with the node that has all backends that take requests', () => {
    expect(emptied(binding('a', on('n1', '10.0.0.1', '10.0.0.2'), 0))).toEqual(['rsp-1']);
    const resting = [
      { ip: '10.0.0.2', node: 'n2', weight: 0 },
      { ip: '10.0.0.3', node: 'n2', state: 'Draining' },
      { ip: '10.0.0.4', node: 'n2', state: 'Pending' },
    ];
    expect(emptied(binding('a', [...on('n1', '10.0.0.1'), ...resting], 0))).toEqual(['rsp-1']);
  });

  test('is not emptied while others take requests, or rows of others may, or none took any before', () => {
    expect(emptied(binding('a', [...on('n1', '10.0.0.1'), ...on('n2', '10.0.0.2')], 0))).toEqual([]);
    expect(emptied(binding('a', on('n1', '10.0.0.1'), 1))).toEqual([]);
    expect(emptied(binding('a', [{ ip: '10.0.0.1', node: 'n1', weight: 0 }], 0))).toEqual([]);
    expect(emptied(binding('a', [], 0))).toEqual([]);
  });

  test('is emptied with the node of the last that minBackends holds with their weight', () => {
    const held = (node: string, ip: string, message?: string) => ({
      ...{ ip, node, state: 'Held' },
      ...(message !== undefined && { message }),
    });
    const serving = (node: string, ip: string) => held(node, ip, 'still has weight 100');
    expect(emptied(binding('a', [serving('n1', '10.0.0.1')], 0))).toEqual(['rsp-1']);
    expect(emptied(binding('a', [serving('n1', '10.0.0.1'), held('n2', '10.0.0.2')], 0))).toEqual(['rsp-1']);
    expect(emptied(binding('a', [serving('n1', '10.0.0.1'), serving('n2', '10.0.0.2')], 0))).toEqual([]);
    expect(emptied(binding('a', [held('n1', '10.0.0.1')], 0))).toEqual([]);
    expect(emptied(binding('a', [serving('n1', '10.0.0.1'), ...on('n2', '10.0.0.2')], 0))).toEqual([]);
  });

  test('is emptied although minBackends holds one elsewhere, whose pod may be gone', () => {
    const elsewhere = { ip: '10.0.0.2', node: 'n2', state: 'Held', message: 'still has weight 100' };
    expect(emptied(binding('a', [...on('n1', '10.0.0.1'), elsewhere], 0))).toEqual(['rsp-1']);
  });
});

describe('a group of two bindings, each of which counts the rows of the other as foreign', () => {
  const a = (foreign: number) => binding('a', on('n1', '10.0.0.1', '10.0.0.2'), foreign);
  const b = (...backends: readonly Backend[]) => binding('b', backends, 2);

  test('is emptied with the node that has all backends of both', () => {
    expect(emptied(a(2), b(...on('n1', '10.0.0.3', '10.0.0.4')))).toEqual(['rsp-1']);
  });

  test('is not emptied while one backend of either takes requests on another node', () => {
    expect(emptied(a(2), b(...on('n1', '10.0.0.3'), ...on('n2', '10.0.0.4')))).toEqual([]);
  });

  test('is not emptied while rows of somebody else may take requests', () => {
    expect(emptied(a(3), binding('b', on('n1', '10.0.0.3', '10.0.0.4'), 3))).toEqual([]);
  });

  test('rows that both want count once', () => {
    const shared = on('n1', '10.0.0.1', '10.0.0.2');
    expect(emptied(binding('a', shared, 0), binding('b', shared, 0))).toEqual(['rsp-1']);
    expect(emptied(binding('a', shared, 1), binding('b', shared, 1))).toEqual([]);
  });

  test('rows that are leaving count as theirs, and pending ones are not in the group', () => {
    const leaving = { ip: '10.0.0.3', node: 'n1', state: 'Removing' };
    const pending = { ip: '10.0.0.5', node: 'n1', state: 'Pending' };
    expect(emptied(a(1), b(leaving, pending))).toEqual(['rsp-1']);
  });

  test('one that was not served yet counts nothing', () => {
    expect(emptied(a(0), binding('b', [], 0))).toEqual(['rsp-1']);
  });

  test.each<[string, object, string]>([
    ['that is suspended', { suspend: true }, 'Suspended'],
    ['whose role may not be assumed', {}, 'RoleNotAllowed'],
  ])('rows of one %s keep their weight: they are of somebody else', (_, spec, reason) => {
    expect(emptied(a(2), binding('b', on('n1', '10.0.0.3', '10.0.0.4'), 2, spec, reason))).toEqual([]);
  });

  test('is the same group whether or not the region is named, because ids are unique', () => {
    const other = binding('b', on('n1', '10.0.0.3', '10.0.0.4'), 2, { regionId: 'cn-hangzhou' });
    expect(emptied(a(2), other)).toEqual(['rsp-1']);
    expect(emptied(a(2), binding('b', on('n1', '10.0.0.3'), 0, { vServerGroupId: 'rsp-2' }))).toEqual([
      'rsp-2',
    ]);
  });
});
