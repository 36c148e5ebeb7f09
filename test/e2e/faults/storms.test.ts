import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

const ADD = 'AddVServerGroupBackendServers';
const REMOVE = 'RemoveVServerGroupBackendServers';
const WRITE_SPACING_MS = 100;
const STATUS_SPACING_MS = 1_000;
const WRITTEN = 'vsgb_status_writes_total{result="written"}';
const DEPTH = 'workqueue_depth{name="vservergroup"}';

let env: Environment;
let operator: OperatorProcess;
let net = 140;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
  operator = await env.startOperator({ flags: ['--log-level', 'info'] });
}, 120_000);
afterEach(() => {
  env.simulator.faults.clear();
});
afterAll(async () => {
  await env?.close();
});

async function boundGroups(count: number, members: number) {
  const app = await env.createNamespace('storm');
  const made = Array.from({ length: count }, async (_, i) => {
    const name = `web-${i}`;
    const group = env.createGroup();
    const service = await ScriptedService.create(app, addressesOf(++net, members), name);
    await app.bind(name, group);
    return { name, group, service };
  });
  const bindings = await Promise.all(made);
  for (const { group, service } of bindings) await env.untilHolds(group, service.addresses);
  return { app, bindings };
}

/** All requests to the API server except watches, which an operator at rest keeps renewing. */
async function requests(method: string): Promise<number> {
  const lines = (await operator.metrics()).split('\n');
  return lines
    .filter((line) => line.startsWith('rest_client_requests_total{') && line.includes(`method="${method}"`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

scenario('1,000 flaps of one binding: API calls keep the write spacing, status writes theirs', async () => {
  const { app, bindings } = await boundGroups(1, 6);
  const { group, service, name } = bindings[0]!;
  const steady = service.addresses.slice(2);
  const flapping = service.addresses.slice(0, 2);
  const calls = env.recordCalls(group);
  const [written, patches] = [(await operator.metric(WRITTEN)) ?? 0, await requests('PATCH')];
  const began = performance.now();
  let deepest = 0;

  for (let i = 0; i < 1_000; i++) {
    await service.set(i % 2 === 0 ? [flapping[0]!, ...steady] : [flapping[1]!, ...steady]);
    if (i % 50 === 0) deepest = Math.max(deepest, (await operator.metric(DEPTH)) ?? 0);
  }
  await service.set([...flapping, ...steady]);
  await env.untilHolds(group, service.addresses);
  await env.untilStatusTrue(app, name, group, { desired: 6, registered: 6 });

  const elapsed = performance.now() - began;
  expect(calls.writes().length).toBeLessThanOrEqual(elapsed / WRITE_SPACING_MS + 2);
  expect(calls.of('Describe')).toEqual([]);
  const steadyOnes = calls.of('Remove').flatMap(({ backends }) => backends);
  for (const ip of steady) expect(steadyOnes).not.toContain(`${ip}:8080`);
  expect(deepest).toBeLessThanOrEqual(1);
  const statuses = ((await operator.metric(WRITTEN)) ?? 0) - written;
  expect(statuses).toBeLessThanOrEqual(elapsed / STATUS_SPACING_MS + 2);
  // Apart from statuses, only repeated events are patched.
  expect((await requests('PATCH')) - patches).toBeLessThanOrEqual(2 * (elapsed / STATUS_SPACING_MS) + 4);
});

scenario('groups that always fail, and flap, delay no other', async () => {
  const { bindings } = await boundGroups(12, 3);
  const [busy, denied, unreadable, ...healthy] = bindings;
  const { faults } = env.simulator;
  for (const action of [ADD, REMOVE]) {
    faults.add({ kind: 'error', code: 'ServiceIsConfiguring', group: busy!.group, action });
    faults.add({ kind: 'error', code: 'Forbidden.RAM', group: denied!.group, action });
    faults.add({ kind: 'json-500', group: unreadable!.group });
  }
  const failing = [busy!, denied!, unreadable!];

  for (let i = 0; i < 40; i++) {
    await Promise.all(
      failing.map(({ service }) => service.set(addressesOf(200 + (i % 2), 3).map((ip) => ip))),
    );
    const turn = healthy[i % healthy.length]!;
    const began = performance.now();
    await turn.service.set(addressesOf(210 + i, 3));
    const hasLeft = () => env.rows(turn.group).every((row) => row.startsWith(`10.${210 + i}.`));
    await waitUntil('the old members to be out', hasLeft, { intervalMs: 5, timeoutMs: 2_000 });
    expect(performance.now() - began).toBeLessThan(2_000);
  }
  for (const { group, service } of healthy) await env.untilHolds(group, service.addresses);

  faults.clear();
  await env.untilHolds(busy!.group, busy!.service.addresses);
  await env.untilHolds(unreadable!.group, unreadable!.service.addresses);
});

scenario(
  '60 bindings at once, and all their members replaced: one read and few writes for each',
  async () => {
    const { bindings } = await boundGroups(60, 4);
    const recorders = bindings.map(({ group }) => env.recordCalls(group));
    await Promise.all(
      bindings.map(({ service }) =>
        service.set(
          service.addresses.map((ip) => ip.replace(/\.(\d+)$/, (_, last) => `.${Number(last) + 100}`)),
        ),
      ),
    );
    for (const { group, service } of bindings) await env.untilHolds(group, service.addresses);
    for (const calls of recorders) expect(calls.all().length).toBeLessThanOrEqual(2);
  },
);
