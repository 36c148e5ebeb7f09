import { expect, test } from '@jest/globals';
import { holdSecondsOf } from '../../../../src/kubernetes/objects/hold.ts';

const sleep = (seconds: number) => ({ sleep: { seconds } });
const exec = { exec: { command: ['sleep', '60'] } };

test.each<[string, readonly unknown[], unknown, number]>([
  ['without preStop: not at all', [undefined], 30, 0],
  ['with a sleep: so long', [sleep(20)], 30, 20],
  ['… as long as the grace period: so long', [sleep(30)], 30, 30],
  ['… longer than the grace period, which ends it', [sleep(60)], 30, 30],
  ['… with the grace period of Kubernetes, which says nothing: that one', [sleep(60)], undefined, 30],
  ['… of no time: not at all', [sleep(0)], 30, 0],
  ['with several containers: as long as the first that stops', [sleep(20), sleep(10)], 30, 10],
  ['with one that has no preStop: not at all', [sleep(20), undefined], 30, 0],
  ['with a command, of which nobody knows: as long as it may', [exec], 90, 90],
  ['with a request, the same', [{ httpGet: { port: 80 } }], 90, 90],
  ['with a command and a sleep: as long as the sleep', [exec, sleep(20)], 90, 20],
  ['with a command and nothing: not at all', [exec, undefined], 90, 0],
  ['with a socket, which the kubelet knows no more: not at all', [{ tcpSocket: { port: 80 } }], 30, 0],
  ['with what is no number of seconds: not at all', [{ sleep: { seconds: '20' } }], 30, 0],
  ['without a grace period to do so: not at all', [sleep(20)], 0, 0],
])('a pod goes on %s', (_, preStops, terminationGracePeriodSeconds, seconds) => {
  const containers = preStops.map((preStop, i) => ({ name: `c${i}`, lifecycle: { preStop } }));
  expect(holdSecondsOf({ containers, terminationGracePeriodSeconds })).toBe(seconds);
});

test('a sidecar, which is asked to stop last, does not shorten it', () => {
  const containers = [{ name: 'web', lifecycle: { preStop: sleep(20) } }];
  const initContainers = [{ name: 'proxy', restartPolicy: 'Always' }];
  expect(holdSecondsOf({ containers, initContainers, terminationGracePeriodSeconds: 50 })).toBe(20);
});

test.each([undefined, null, 'x', {}, { containers: 'x' }, { containers: [] }])(
  '%j goes on for no time',
  (spec) => {
    expect(holdSecondsOf(spec)).toBe(0);
  },
);
