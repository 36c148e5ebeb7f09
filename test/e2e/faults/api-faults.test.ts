import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { CallRecorder, GroupCall } from '../../../lab/environment/calls.ts';
import { Environment } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import { addressesOf, ScriptedService } from '../../../lab/environment/scripted-service.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import type { FaultRule } from '../../../simulator/faults.ts';
import { scenarios } from '../../environment/scenario.ts';

const ADD = 'AddVServerGroupBackendServers';
const REMOVE = 'RemoveVServerGroupBackendServers';
const DESCRIBE = 'DescribeVServerGroupAttribute';
const LOOK_UP = 'DescribeNetworkInterfaces';
const API_TIMEOUT_MS = 1_000;
/** Counted from the end of the fault. */
const HEALED_WITHIN_MS = 2_000;

let env: Environment;
let operator: OperatorProcess;
let credentialsDir: string;
let app: Workloads;
let group: string;
let foreign: readonly string[];
let calls: CallRecorder;
let net = 20;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({ controlPlane: { scheduler: false, kwok: false }, nodes: [] });
  credentialsDir = await mkdtemp(join(tmpdir(), 'credentials-'));
  await writeSession('session-1');
  operator = await env.startOperator({
    flags: ['--api-timeout', `${API_TIMEOUT_MS}ms`, '--credentials-dir', credentialsDir],
    env: { ALIBABA_CLOUD_ACCESS_KEY_ID: '', ALIBABA_CLOUD_ACCESS_KEY_SECRET: '' },
  });
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('faults');
  group = env.createGroup();
  foreign = env.addForeignRows(group);
  net++;
}, 60_000);
afterEach(() => {
  env.simulator.faults.clear();
}, 60_000);
afterAll(async () => {
  await env?.close();
  await rm(credentialsDir, { recursive: true, force: true });
});

/** A binding whose group holds `count` addresses; calls are recorded from here. */
async function bound(count: number): Promise<{ service: ScriptedService; ips: readonly string[] }> {
  const ips = addressesOf(net, count);
  const service = await ScriptedService.create(app, ips);
  await app.bind('web', group);
  await untilHolds(ips);
  await app.untilCondition('web', 'True', 'Synced');
  calls = env.recordCalls(group);
  return { service, ips };
}

async function untilHolds(ips: readonly string[]): Promise<void> {
  await env.untilHolds(group, ips, foreign);
}

/** Waits until the group is right, for as long as the operator may take to notice the end of a fault. */
async function untilHealed(ips: readonly string[]): Promise<void> {
  const began = performance.now();
  await untilHolds(ips);
  expect(performance.now() - began).toBeLessThan(HEALED_WITHIN_MS);
}

async function untilCall(description: string, is: (call: GroupCall) => boolean): Promise<void> {
  await waitUntil(description, () => calls.all().some(is), { intervalMs: 5, timeoutMs: 15_000 });
}

const names = (ip: string | undefined) => (call: GroupCall) => call.backends.includes(`${ip}:8080`);
const isRemovalOf = (ip: string | undefined) => (call: GroupCall) =>
  call.action === 'Remove' && names(ip)(call);

/** Expects no other call between one that may have been carried out and the read that finds out. */
async function expectDescribeAfter(code: string): Promise<void> {
  await waitUntil('the last of them to be looked at', () => calls.all().at(-1)?.code !== code);
  const all = calls.all();
  const unknown = all.flatMap((call, i) => (call.code === code && call.action !== 'Describe' ? [i] : []));
  expect(unknown.length).toBeGreaterThan(0);
  expect(unknown.map((i) => all[i + 1]?.action)).toEqual(unknown.map(() => 'Describe'));
}

interface Kind {
  readonly title: string;
  readonly fault: FaultRule;
  /** The code in the journal. */
  readonly code: string;
  readonly outcome: 'refused' | 'unknown';
}

const refused = (code: string): Kind => ({
  title: code,
  fault: { kind: 'error', code },
  code,
  outcome: 'refused',
});
const unknown = (title: string, kind: FaultRule['kind']): Kind => ({
  title,
  fault: { kind },
  code: kind,
  outcome: 'unknown',
});

const KINDS: readonly Kind[] = [
  ...[
    'VServerGroupProcessing',
    'ServiceIsConfiguring',
    'BackendServer.configuring',
    'OperationBusy',
    'SystemBusy',
  ].map(refused),
  { ...refused('InternalError'), outcome: 'unknown' },
  unknown('503 with a JSON body', 'http-503'),
  unknown("a proxy's HTML page with 502", 'html-502'),
  unknown('500 without Code', 'json-500'),
  unknown('a connection reset before the call is carried out', 'reset'),
  unknown('a call that is carried out and never answered: the connection is reset', 'applied-no-reply'),
  unknown('a call that is carried out, its reply cut in the middle', 'half-body'),
  unknown('no answer at all', 'hang'),
  unknown('no answer at all to a call that is carried out', 'applied-hang'),
];

for (const { title, fault, code, outcome } of KINDS) {
  scenario(
    `removals answered with ${title}: tried again by a new plan, done soon after the end`,
    async () => {
      const { service, ips } = await bound(4);
      const [a, b, c, d] = ips;
      const id = env.simulator.faults.add({ ...fault, action: REMOVE, group });

      await service.remove(a!);
      await untilCall('a removal that meets the fault', (call) => isRemovalOf(a)(call) && call.code === code);
      // Meanwhile the address comes back, and another leaves.
      await service.set([a!, c!, d!]);
      await untilCall('the next removal', (call) => isRemovalOf(b)(call) && call.code === code);
      env.simulator.faults.remove(id);
      const waitsForTimeout = code.endsWith('hang') ? API_TIMEOUT_MS : 0;
      await waitUntil('the group to be right', () => env.rows(group).length === 5, {
        timeoutMs: waitsForTimeout + HEALED_WITHIN_MS,
      });
      await untilHolds([a!, c!, d!]);

      const removals = calls.of('Remove');
      const afterReturn = removals.slice(removals.findIndex(isRemovalOf(b)));
      expect(afterReturn.some(isRemovalOf(a))).toBe(false);
      expect(removals.some((call) => names(c)(call) || names(d)(call))).toBe(false);
      if (outcome === 'unknown') await expectDescribeAfter(code);
      else expect(calls.of('Describe')).toEqual([]);
      await app.untilCondition('web', 'True', 'Synced');
    },
  );
}

scenario('additions that are carried out and never answered: nothing is added twice', async () => {
  const { service, ips } = await bound(2);
  env.simulator.faults.add({ kind: 'applied-no-reply', action: ADD, group, times: 1 });
  const more = addressesOf(net, 5);

  await service.set(more);
  await untilHealed(more);

  await expectDescribeAfter('applied-no-reply');
  await app.untilCondition('web', 'True', 'Synced');
  expect(calls.of('Add', 'Describe').map(({ action, code }) => `${action} ${code}`)).toEqual([
    'Add applied-no-reply',
    'Describe OK',
  ]);
  expect(ips.every((ip) => calls.of('Remove').every((call) => !names(ip)(call)))).toBe(true);
});

scenario('a kept connection that has died unseen: the removal goes over a new one at once', async () => {
  const { service, ips } = await bound(6);
  const met = () => calls.of('Remove').some(({ code }) => code === 'stale-close');
  // Another call may use the connection first.
  for (let tries = 0; tries < 5 && !met(); tries++) {
    await service.set(ips);
    await untilHolds(ips);
    env.simulator.faults.add({ kind: 'stale-close', action: REMOVE, group, times: 1 });
    await service.remove(ips[0]!);
    await untilHolds(ips.slice(1));

    await service.remove(ips[1]!);
    await untilHealed(ips.slice(2));
  }

  expect(met()).toBe(true);
  await expectDescribeAfter('stale-close');
});

scenario('a fifth of the writes busy: 20 leave one by one, none is left two seconds later', async () => {
  const { service, ips } = await bound(24);
  const busy = { kind: 'error', group, probability: 0.2 } as const;
  for (const action of [ADD, REMOVE]) {
    env.simulator.faults.add({ ...busy, action, code: 'ServiceIsConfiguring' });
  }

  for (const ip of ips.slice(0, 20)) await service.remove(ip);
  await untilHealed(ips.slice(20));

  expect(calls.writes().length).toBeLessThanOrEqual(30);
  expect(calls.of('Describe')).toEqual([]);
});

scenario(
  'a reply that contradicts its removal is not believed: the group is read, the row removed',
  async () => {
    const { service, ips } = await bound(3);
    const { state } = env.simulator;
    const stop = state.onChange(({ kind, row, group: changed }) => {
      if (kind !== 'row-removed' || changed !== group || row === undefined) return;
      stop();
      state.addRow(group, row);
    });

    await service.remove(ips[0]!);
    await untilHealed(ips.slice(1));

    expect(calls.all().map(({ action }) => action)).toEqual(['Remove', 'Describe', 'Remove']);
  },
);

scenario(
  'a reply that contradicts its addition is not believed: the group is read, the row added',
  async () => {
    const { service, ips } = await bound(2);
    const { state } = env.simulator;
    const stop = state.onChange(({ kind, row, group: changed }) => {
      if (kind !== 'row-added' || changed !== group || row === undefined) return;
      stop();
      state.removeRow(group, row);
    });
    const more = addressesOf(net, 3);

    await service.add(more[2]!);
    await untilHealed(more);

    expect(calls.all().map(({ action }) => action)).toEqual(['Add', 'Describe', 'Add']);
    expect(ips).toHaveLength(2);
  },
);

scenario('a call that hangs on one group delays no other', async () => {
  const { service, ips } = await bound(3);
  const slow = { group, gate: env.simulator.faults.pause({ action: REMOVE, group }) };
  const other = await env.createNamespace('other');
  const otherGroup = env.createGroup();
  const otherIps = addressesOf(net + 100, 3);
  const otherService = await ScriptedService.create(other, otherIps);
  await other.bind('web', otherGroup);
  await env.untilHolds(otherGroup, otherIps);

  await service.remove(ips[0]!);
  await slow.gate.waitForHeld();
  await otherService.remove(otherIps[0]!);
  await env.untilHolds(otherGroup, otherIps.slice(1));

  // The held call has not been answered meanwhile, so its group has completed no removal.
  expect(calls.of('Remove').filter(({ code }) => code === 'OK')).toEqual([]);
  slow.gate.release();
  await untilHolds(ips.slice(1));
});

scenario('one bad backend among 20: halves until it stands alone, the others land at once', async () => {
  const { service, ips } = await bound(2);
  const all = addressesOf(net, 22);
  const bad = all[9]!;
  const good = all.filter((ip) => ip !== bad);
  const id = env.simulator.faults.add({
    kind: 'error',
    code: 'ObtainIpFail',
    action: ADD,
    group,
    when: ({ backends }) => backends.some(({ serverIp }) => serverIp === bad),
  });

  await service.set(all);
  await untilHealed(good);
  const binding = await app.untilCondition('web', 'False', 'BackendsRefused');
  expect(binding.status?.backends?.find(({ serverIp }) => serverIp === bad)).toMatchObject({
    state: 'Refused',
  });
  expect(calls.of('Add').length).toBeLessThanOrEqual(11);
  expect(calls.of('Describe')).toEqual([]);

  await service.remove(ips[0]!);
  const left = good.filter((ip) => ip !== ips[0]);
  await untilHealed(left);
  env.simulator.faults.remove(id);
  await untilHolds(all.filter((ip) => ip !== ips[0]));
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('an address without ENI keeps no other out, and is added once it has one', async () => {
  const { service } = await bound(1);
  const all = addressesOf(net, 6);
  const lost = all[3]!;
  env.simulator.state.removeEni(lost);

  await service.set(all);
  await untilHealed(all.filter((ip) => ip !== lost));
  await waitUntil('an event that names it', async () =>
    (await app.events('web')).some((event) => event.startsWith(`AddressOutside: endpoint (${lost}:`)),
  );
  env.simulator.state.setEni(lost, 'eni-late');
  await untilHolds(all);
});

for (const [fails, fault] of [
  ['refuses look-ups', { kind: 'error', code: 'Forbidden.RAM' }],
  ['answers no look-up', { kind: 'hang' }],
] as const) {
  scenario(`ECS ${fails}: known addresses go in and out meanwhile, a new one joins afterwards`, async () => {
    const { service, ips } = await bound(3);
    const { faults } = env.simulator;
    const id = faults.add({ ...fault, action: LOOK_UP });
    const all = addressesOf(net, 4);

    await service.set(all.slice(1));
    await untilHealed(ips.slice(1));
    await waitUntil('a look-up that meets the fault', () => faults.list().some(({ hits }) => hits > 0));
    await service.set(all);
    await untilHealed(ips);

    faults.remove(id);
    await untilHolds(all);
    await app.untilCondition('web', 'True', 'Synced');
  });
}

scenario(
  'a full group: the addition waits for room, and goes right behind the removal that makes it',
  async () => {
    const { service, ips } = await bound(4);
    limitRowsTo(6);
    const [e, f] = addressesOf(net, 6).slice(4);

    await service.add(e!);
    await app.untilCondition('web', 'False', 'QuotaExceeded');
    await service.set([...ips.slice(1), e!, f!].slice(0, 4));
    await untilHealed([...ips.slice(1), e!]);

    expect(calls.writes().map(({ action, code }) => `${action} ${code}`)).toEqual([
      ...calls
        .of('Add')
        .slice(0, -1)
        .map(() => 'Add InstanceBackendServerNumberOverLimit'),
      'Remove OK',
      'Add OK',
    ]);
    await app.untilCondition('web', 'True', 'Synced');
  },
);

scenario(
  'a full group whose members are all replaced: removed first once not even one is taken',
  async () => {
    for (const row of env.simulator.state.group(group).rows()) env.simulator.state.removeRow(group, row);
    foreign = [];
    const { service } = await bound(4);
    const others = addressesOf(net, 8).slice(4);
    await learnEnis(others);
    limitRowsTo(4);

    await service.set(others);
    await untilHealed(others);

    expect(calls.writes().map(({ action, code }) => `${action} ${code}`)).toEqual([
      ...Array(3).fill('Add InstanceBackendServerNumberOverLimit'),
      'Remove OK',
      'Add OK',
    ]);
  },
);

/** Makes the operator look addresses up in advance: an addition whose ENI is not known yet delays nothing. */
async function learnEnis(ips: readonly string[]): Promise<void> {
  const elsewhere = await env.createNamespace('faults');
  const otherGroup = env.createGroup();
  await ScriptedService.create(elsewhere, ips);
  await elsewhere.bind('web', otherGroup);
  await env.untilHolds(otherGroup, ips);
}

/** Foreign rows count towards the limit. */
function limitRowsTo(most: number): void {
  env.simulator.faults.add({
    kind: 'error',
    code: 'InstanceBackendServerNumberOverLimit',
    action: ADD,
    group,
    when: ({ backends }) => env.rows(group).length + backends.length > most,
  });
}

scenario('a group that is deleted, and made again: reported, then filled', async () => {
  const { service, ips } = await bound(3);
  const { state } = env.simulator;
  const { loadBalancerId } = state.group(group);
  state.deleteGroup(group);

  await service.remove(ips[0]!);
  const binding = await app.untilCondition('web', 'False', 'GroupNotFound');
  expect(binding.status?.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('True');
  expect(await app.events('web')).toContainEqual(expect.stringContaining('GroupNotFound'));

  state.createGroup(group, loadBalancerId);
  foreign = [];
  await untilHolds(ips.slice(1));
  await app.untilCondition('web', 'True', 'Synced');
});

scenario('a right that is taken away: reported, and used as soon as it is back', async () => {
  const { service, ips } = await bound(3);
  const id = env.simulator.faults.add({ kind: 'error', code: 'Forbidden.RAM', action: REMOVE, group });

  await service.remove(ips[0]!);
  const binding = await app.untilCondition('web', 'False', 'AccessDenied');
  const message = binding.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
  expect(message).toContain(`slb:${REMOVE}`);
  await service.add(addressesOf(net, 4)[3]!);
  await untilHolds(addressesOf(net, 4));

  env.simulator.faults.remove(id);
  await untilHolds(addressesOf(net, 4).slice(1));
  await app.untilCondition('web', 'True', 'Synced');
});

scenario(
  'a session that expires while its successor is there: renewed, and the same call goes through',
  async () => {
    const { service, ips } = await bound(3);
    await writeSession('session-2');
    env.simulator.accessKeys.expire('session-1');

    await service.remove(ips[0]!);
    await untilHealed(ips.slice(1));

    expect(calls.of('Remove').at(-1)?.code).toBe('OK');
  },
);

scenario(
  'a session that expires without a successor: reported, and healed soon after there is one',
  async () => {
    const { service, ips } = await bound(3);
    env.simulator.accessKeys.expire(session);

    await service.remove(ips[0]!);
    await app.untilCondition('web', 'False', 'CredentialsInvalid');
    await writeSession('session-3');
    await untilHolds(ips.slice(1));
    await app.untilCondition('web', 'True', 'Synced');
    const log = await operator.log();
    expect(log).not.toContain('secret-of-');
    expect(log).not.toContain('token-of-');
  },
);

let session = '';

/** Rotates the Secret that is mounted into the operator's pod. */
async function writeSession(id: string): Promise<void> {
  session = id;
  const key = { id, secret: `secret-of-${id}`, securityToken: `token-of-${id}` };
  env.simulator.accessKeys.set(key);
  await writeFile(join(credentialsDir, 'security-token'), key.securityToken, { mode: 0o600 });
  await writeFile(join(credentialsDir, 'access-key-secret'), key.secret, { mode: 0o600 });
  await writeFile(join(credentialsDir, 'access-key-id'), key.id, { mode: 0o600 });
}

for (const [title, retryAfterMs] of [
  ['Throttling that names a time: nobody calls before', 600],
  ['Throttling that names none: the account slows down and comes back', undefined],
] as const) {
  scenario(title, async () => {
    const { service, ips } = await bound(3);
    const { faults, journal } = env.simulator;
    faults.add({
      kind: 'error',
      code: 'Throttling.User',
      action: REMOVE,
      group,
      times: 2,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });

    await service.remove(ips[0]!);
    await waitUntil('the second refusal', () => calls.of('Remove').length >= 2, { intervalMs: 5 });
    await untilHealed(ips.slice(1));

    expect(calls.of('Remove').map(({ code }) => code)).toEqual(['Throttling.User', 'Throttling.User', 'OK']);
    expect(calls.of('Describe')).toEqual([]);
    expect(await operator.metric('vsgb_api_throttled_total')).toBeGreaterThanOrEqual(2);
    const times = journal.filter((entry) => entry.group === group && entry.action === REMOVE);
    const pauses = times.slice(1).map((entry, i) => entry.arrivedAt - times[i]!.time);
    if (retryAfterMs !== undefined) expect(Math.min(...pauses)).toBeGreaterThanOrEqual(retryAfterMs);
  });
}

scenario('a group that cannot be read: removals of what the status names go all the same', async () => {
  const { service, ips } = await bound(3);
  await operator.stop();
  env.simulator.faults.add({ kind: 'http-503', action: DESCRIBE, group });
  await service.remove(ips[0]!);
  operator = await env.startOperator();
  await untilHealed(ips.slice(1));
  expect(calls.all()[0]).toMatchObject({ action: 'Remove', code: 'OK' });
});

scenario('a first removal that is refused keeps the group from neither being read nor filled', async () => {
  const { service, ips } = await bound(3);
  await operator.stop();
  const id = env.simulator.faults.add({ kind: 'error', code: 'Forbidden.RAM', action: REMOVE, group });
  const more = addressesOf(net, 4);
  await service.set(more.slice(1));
  operator = await env.startOperator();
  await untilHolds(more);
  env.simulator.faults.remove(id);
  await untilHolds(more.slice(1));
  expect(ips).toHaveLength(3);
});
