import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import type { Cloud } from '../../../../src/alibaba/cloud.ts';
import { ambiguous } from '../../../../src/alibaba/eni-resolver.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { diff } from '../../../../src/plugin/commands/diff.ts';
import { FakeEnis, FakeVServerGroups } from '../../controller/group/fake-cloud.ts';
import { runCommand } from '../plugin-call.ts';

const named = (name: string) => ({ namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '1' });

const BINDING = {
  metadata: { ...named('web'), generation: 1 },
  spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 } },
};

const pod = (name: string, ip: string) => ({
  metadata: named(name),
  spec: { nodeName: 'n1' },
  status: { phase: 'Running', podIP: ip, conditions: [{ type: 'Ready', status: 'True' }] },
});

const endpoint = (name: string, ip: string) => ({
  addresses: [ip],
  nodeName: 'n1',
  conditions: { ready: true, serving: true, terminating: false },
  targetRef: { kind: 'Pod', namespace: 'shop', name, uid: `uid-${name}` },
});

const LISTS: Readonly<Record<string, readonly object[]>> = {
  vservergroupbindings: [BINDING],
  nodes: [
    {
      metadata: { name: 'n1', uid: 'uid-n1', resourceVersion: '1' },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    },
  ],
  services: [
    {
      metadata: named('web'),
      spec: {
        type: 'ClusterIP',
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      },
    },
  ],
  endpointslices: [
    {
      metadata: { ...named('web-1'), labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ port: 8080, protocol: 'TCP' }],
      endpoints: [endpoint('web-1', '10.0.0.1'), endpoint('web-2', '10.0.0.2')],
    },
  ],
  pods: [pod('web-1', '10.0.0.1'), pod('web-2', '10.0.0.2')],
};

const transport = {
  request: async (_: string, path: string) => {
    const last = path.split('/').at(-1) ?? '';
    if (last === 'web') return BINDING;
    return { metadata: { resourceVersion: '1' }, items: LISTS[last] ?? [] };
  },
} as unknown as KubeTransport;

test('an address that several network interfaces have is noted, and the changes of the others are shown', async () => {
  const clock = new FakeClock();
  const resolver = new FakeEnis();
  const error = ambiguous({ regionId: 'cn-hangzhou', ip: '10.0.0.2' }, ['eni-a', 'eni-b']);
  resolver.answers.set('10.0.0.2', { state: 'failed', error });
  const words = ['web', '-n', 'shop', '--region', 'cn-hangzhou', '--cluster-id', 'cluster-1'];
  const cloud = { groups: new FakeVServerGroups(clock), resolver } as unknown as Cloud;
  const { code: shown, written } = runCommand(diff, words, { clock, transport, cloud });
  await clock.advance(1_000);
  expect(await shown).toBe(1);
  expect(written.stdout).toMatch(/\nadd +eni-10\.0\.0\.1:8080:10\.0\.0\.1 .*\n$/);
  expect(written.stderr).toMatch(
    /^shop\/web: VpcUnknown: .*10\.0\.0\.2 in cn-hangzhou is an address of eni-a and eni-b/,
  );
});
