import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
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
    // Counted over a minute, as long as a user would watch it.
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
