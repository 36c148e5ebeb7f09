import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import { scenarios } from '../../environment/scenario.ts';
import { ScriptedPods } from '../../environment/scripted-pods.ts';

let env: Environment;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false } });
  await env.startOperator();
}, 120_000);
afterAll(async () => {
  await env?.close();
});

scenario(
  'twenty backends that do not fit the load balancer: told, tried together ever later, in at once after a change of the binding',
  async () => {
    const app = await env.createNamespace('refusals');
    const group = env.createGroup();
    const unfit = addressesOf(92, 20);
    const good = addressesOf(93, 5);
    const rule = env.simulator.faults.add({
      kind: 'error',
      code: 'NetworkConflict',
      group,
      action: 'AddVServerGroupBackendServers',
      when: ({ backends }) => backends.some(({ serverIp }) => unfit.includes(serverIp)),
    });
    const service = await ScriptedService.create(app, [...unfit, ...good]);
    const calls = env.recordCalls(group);
    const lookUps = () =>
      env.simulator.journal.filter(({ action }) => action === 'DescribeNetworkInterfaces').length;
    const before = lookUps();
    await app.bind('web', group);
    await env.untilHolds(group, good);
    await app.untilCondition('web', 'False', 'BackendsRefused');
    // Counted over a minute, for as long as a user would watch.
    await delay(60_000);
    expect(calls.of('Add').length).toBeLessThanOrEqual(60);
    expect(lookUps() - before).toBeLessThanOrEqual(3);
    const together = calls.of('Add').filter(({ backends }) => backends.length === 20);
    expect(together.length).toBeGreaterThanOrEqual(4);
    env.simulator.faults.remove(rule);
    await app.patchBinding('web', { spec: { minBackends: 1 } });
    await env.untilHolds(group, service.addresses);
    await app.untilCondition('web', 'True', 'Synced');
  },
  150_000,
);

scenario(
  'a load balancer that refuses IPv6: nothing of it is sent unless the binding asks, which is told; IPv4 is in at once after that',
  async () => {
    const app = await env.createNamespace('family');
    const group = env.createGroup();
    env.simulator.faults.add({
      kind: 'error',
      code: 'NetworkConflict',
      group,
      action: 'AddVServerGroupBackendServers',
      when: ({ backends }) => backends.some(({ serverIp }) => serverIp.includes(':')),
    });
    const web = await ScriptedPods.create(app, 'web');
    const pods = await Promise.all(addressesOf(94, 3).map((ip) => web.createPod(ip)));
    const v6 = pods.map((pod, n) => ({ ...pod, address: `fd00:94::${n + 1}` }));
    for (const [n, { address }] of v6.entries()) env.simulator.state.setEni(address, `eni-v6-94-${n}`);
    const calls = env.recordCalls(group);
    const ofIPv6 = () =>
      calls.of('Add').filter(({ backends }) => backends.some((backend) => backend.startsWith('fd00')));
    await app.bind('web', group);
    await web.show(pods);
    await web.show(v6, { name: 'web-v6', addressType: 'IPv6' });
    await env.untilHolds(group, addressesOf(94, 3));
    await app.untilCondition('web', 'True', 'Synced');
    expect(ofIPv6()).toEqual([]);
    await app.patchBinding('web', { spec: { addressFamily: 'IPv6' } });
    await app.untilCondition('web', 'False', 'BackendsRefused');
    expect(ofIPv6().length).toBeGreaterThan(0);
    await app.patchBinding('web', { spec: { addressFamily: 'IPv4' } });
    await env.untilHolds(group, addressesOf(94, 3));
    await app.untilCondition('web', 'True', 'Synced');
  },
);
