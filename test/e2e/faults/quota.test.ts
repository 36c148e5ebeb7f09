import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

const QUOTA = 15;
const LOAD_BALANCER = 'lb-full';
const GROUPS = ['rsp-full-1', 'rsp-full-2'] as const;

let env: Environment;
let app: Workloads;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({
    controlPlane: { scheduler: false, kwok: false },
    nodes: [],
    simulator: { backendsPerLoadBalancer: QUOTA },
  });
  await env.startOperator();
  env.simulator.state.createLoadBalancer(LOAD_BALANCER);
  for (const group of GROUPS) env.simulator.state.createGroup(group, LOAD_BALANCER);
  app = await env.createNamespace('quota');
}, 120_000);
afterEach(async () => {
  for (const name of ['first', 'second']) await app.deleteBinding(name);
});
afterAll(async () => {
  await env?.close();
});

const ips = (net: number, count: number) => Array.from({ length: count }, (_, i) => `10.${net}.0.${i + 1}`);

async function serve(service: string, addresses: readonly string[]): Promise<void> {
  await app.applySlice(
    service,
    addresses.map((address) => ({ addresses: [address] })),
  );
}

async function bind(name: string, group: string, addresses: readonly string[]): Promise<void> {
  await app.createService(name, { selector: undefined });
  await serve(name, addresses);
  await app.bind(name, group, { serviceRef: { name, port: 80 } });
}

scenario('two groups of a load balancer want more than fits: it is filled, and each goes on', async () => {
  const [first, second] = GROUPS;
  const held = (group: string) => env.rows(group).length;
  await bind('first', first, ips(71, 5));
  await env.untilHolds(first, ips(71, 5));
  const calls = env.recordCalls(second);
  await bind('second', second, ips(72, 20));
  await waitUntil('the rest of the quota to be used', () => held(second) === QUOTA - 5);
  await app.untilCondition('second', 'False', 'QuotaExceeded');
  expect(calls.of('Add').length).toBeLessThanOrEqual(8);

  // The neighbour, which has all it wants, is not affected.
  await app.untilCondition('first', 'True', 'Synced');
  await serve('first', ips(71, 2));
  await env.untilHolds(first, ips(71, 2));

  // Its room is taken with the next try of the other group.
  await waitUntil('the room to be used', () => held(second) === QUOTA - 2);

  // What leaves makes room for as many of the group's own.
  await serve('second', ips(72, 25).slice(5));
  await waitUntil('the others to take the place of those that left', () => {
    const rows = env.rows(second).join();
    return held(second) === QUOTA - 2 && !/10\.72\.0\.[1-5]:/.test(rows);
  });
  await serve('second', ips(72, 13));
  await env.untilHolds(second, ips(72, 13));
  await app.untilCondition('second', 'True', 'Synced');
});
