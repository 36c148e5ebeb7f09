import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import type { KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { createNodes } from '../../../lab/control-plane/nodes.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { DRAIN_LABEL } from '../../../src/api/names.ts';
import { WallClock } from '../../environment/clock/wall-clock.ts';
import { StsStub } from '../../environment/cloud/sts-stub.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';
import { scenarios } from '../../environment/scenario.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A jump of an hour would add far more than this; a busy machine adds less. */
const PATIENCE_MS = 15_000;
const DRAIN_MS = 15_000;
const TOLERANCE_MS = 5_000;
const REFUSED = 'InvalidTimeStamp.Expired';
const LEASE = 'vservergroup-operator';
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases/${LEASE}`;
const LEASE_DURATION_MS = 6_000;
const ELECTED = [
  ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE],
  ...['--leader-elect-lease-duration', `${LEASE_DURATION_MS}ms`],
  ...['--leader-elect-renew-deadline', '5s', '--leader-elect-retry-period', '500ms'],
];

let env: Environment;
let app: Workloads;
let group: string;
let clock: WallClock;
/** The difference between the cloud's clock and this machine's; the cloud's clock never jumps. */
let cloudOffsetMs = 0;
let cloudNamesTime = true;
let operators: OperatorProcess[] = [];
let net = 90;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start({
    controlPlane: { scheduler: false, kwok: false },
    nodes: [],
    simulator: {
      now: cloudNow,
      clockSkewMs: 31 * MINUTE,
      replyDate: () => (cloudNamesTime ? cloudNow() : undefined),
    },
  });
}, 120_000);
beforeEach(async () => {
  net++;
  cloudOffsetMs = 0;
  cloudNamesTime = true;
  clock = await WallClock.create();
  app = await env.createNamespace('clock');
  group = env.createGroup();
}, 60_000);
afterEach(async () => {
  await Promise.all(operators.map((operator) => operator.kill()));
  operators = [];
  await clock[Symbol.asyncDispose]();
  if ((await env.api.find(LEASE_PATH)) !== undefined) await env.api.delete(LEASE_PATH);
});
afterAll(async () => {
  await env?.close();
});

const cloudNow = () => Date.now() + cloudOffsetMs;
/** Codes of the writes to the group, in order. */
const codesOfWrites = () =>
  env.simulator.journal
    .filter((call) => call.group === group && call.action !== 'DescribeVServerGroupAttribute')
    .map(({ code }) => code);
const ip = (n: number) => `10.${net}.0.${n}`;

async function start(
  flags: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<OperatorProcess> {
  const operator = await env.startOperator({
    flags: ['--namespace', app.namespace, ...flags],
    env: { ...clock.env, ...variables },
  });
  operators.push(operator);
  return operator;
}

async function serve(service: string, ...addresses: readonly string[]): Promise<void> {
  await app.applySlice(
    service,
    addresses.map((address) => ({ addresses: [address] })),
  );
}

async function bind(
  name: string,
  to: string,
  addresses: readonly string[],
  spec: object = {},
): Promise<void> {
  await app.createService(name, { selector: undefined });
  await serve(name, ...addresses);
  await app.bind(name, to, { ...spec });
  await env.untilHolds(to, addresses);
}

/** Starts an operator whose clock is off the cloud's by as much after the jump as before it, just within what signatures allow. */
async function startBefore(jump: number, flags: readonly string[] = []): Promise<OperatorProcess> {
  cloudOffsetMs = jump / 2;
  return await start(flags);
}

/** One backend leaves and is removed at once. */
async function expectRemovedAtOnce(
  service: string,
  from: string,
  ...remaining: readonly string[]
): Promise<void> {
  await serve(service, ...remaining);
  const since = performance.now();
  await env.untilHolds(from, remaining);
  expect(performance.now() - since).toBeLessThan(PATIENCE_MS);
}

async function setReady(node: string, status: 'True' | 'False'): Promise<void> {
  const conditions = [{ type: 'Ready', status }];
  await env.api.patch(`/api/v1/nodes/${node}/status`, { status: { conditions } }, 'strategic');
}

const leads = async (operator: OperatorProcess) =>
  (await operator.metric(`leader_election_master_status{name="${LEASE}"}`)) === 1;

interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity: string;
    readonly leaseTransitions: number;
    readonly renewTime: string;
  };
}

const lease = async () => (await env.api.get<Lease>(LEASE_PATH)).spec;

/** Waits until the leader has renewed its lease for a whole lease duration. */
async function untilRenewedForADuration(): Promise<void> {
  const times = new Set<string>();
  await waitUntil('renewals over a whole lease duration', async () => {
    times.add((await lease()).renewTime);
    return times.size > LEASE_DURATION_MS / 500 + 2;
  });
}

describe.each([
  ['an hour forward', HOUR],
  ['an hour back', -HOUR],
])('the clock jumps %s', (_, jump) => {
  scenario('removals go on at once, and a drain that has begun ends when it should', async () => {
    await startBefore(jump);
    const other = env.createGroup();
    await bind('slow', group, [ip(1), ip(2), ip(3)], { drain: { seconds: DRAIN_MS / 1000 } });
    await bind('fast', other, [ip(11), ip(12), ip(13)]);
    await serve('slow', ip(2), ip(3));
    const rowsWith = (weight: number, ...numbers: readonly number[]) =>
      numbers.map((n) => `${ip(n)}:8080*${weight}`);
    await env.untilRows(group, [...rowsWith(0, 1), ...rowsWith(100, 2, 3)]);
    const drainedAt = performance.now();
    await clock.jump(jump);
    await expectRemovedAtOnce('fast', other, ip(12), ip(13));
    // Planned again with the new time.
    await serve('slow', ip(3));
    await env.untilRows(group, [...rowsWith(0, 1, 2), ...rowsWith(100, 3)]);
    const { status } = await waitUntil('the status to tell both drains', async () => {
      const binding = await app.binding('slow');
      return binding.status?.draining === 2 && binding;
    });
    for (const { drainingSince } of status?.backends ?? []) {
      if (drainingSince === undefined) continue;
      const ago = Date.now() + clock.offsetMs - Date.parse(drainingSince);
      expect(ago).toBeGreaterThan(-1_000);
      expect(ago).toBeLessThan(PATIENCE_MS);
    }
    await env.untilRows(group, [...rowsWith(0, 2), ...rowsWith(100, 3)]);
    const lasted = performance.now() - drainedAt;
    expect(lasted).toBeGreaterThan(DRAIN_MS - 3_000);
    expect(lasted).toBeLessThan(DRAIN_MS + PATIENCE_MS);
    await env.untilHolds(group, [ip(3)]);
    await expectRemovedAtOnce('fast', other, ip(13));
  });

  scenario('a node that is not Ready leaves after the tolerance', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => `${app.namespace}-${letter}`) as [
      string,
      string,
      string,
    ];
    await createNodes(
      env.api,
      [a, b, c].map((name) => ({ name, labels: { pool: app.namespace } })),
    );
    for (const name of [a, b, c]) await setReady(name, 'True');
    await startBefore(jump, ['--not-ready-tolerance', `${TOLERANCE_MS}ms`]);
    await app.createService('web', { type: 'NodePort' });
    const nodeSelector = { matchLabels: { pool: app.namespace } };
    await app.bind('web', group, { backendType: 'ecs', nodeSelector });
    const untilWeights = (...weights: readonly string[]) =>
      waitUntil(`the group to hold ${weights}`, () => {
        const held = env.rows(group).map((row) => row.replace(/:\d+/, ''));
        return held.sort().join() === weights.join();
      });
    await untilWeights(`i-${a}*100`, `i-${b}*100`, `i-${c}*100`);
    const since = performance.now();
    await setReady(c, 'False');
    // Once this is seen, so is that.
    await env.api.patch(`/api/v1/nodes/${c}`, { metadata: { labels: { [DRAIN_LABEL]: '' } } });
    await untilWeights(`i-${a}*100`, `i-${b}*100`, `i-${c}*0`);
    await clock.jump(jump);
    await untilWeights(`i-${a}*100`, `i-${b}*100`);
    expect(performance.now() - since).toBeGreaterThanOrEqual(TOLERANCE_MS);
    await Promise.all([a, b, c].map((name) => env.api.delete(`/api/v1/nodes/${name}`)));
  });

  scenario('who leads goes on leading, and is found dead neither sooner nor later', async () => {
    const first = await startBefore(jump, ELECTED);
    await waitUntil('the first to lead', () => leads(first));
    const standbyClock = await WallClock.create();
    const second = await start(ELECTED, standbyClock.env);
    await bind('web', group, [ip(1), ip(2), ip(3)]);
    const { holderIdentity, leaseTransitions } = await lease();
    const expectSameLeader = async () => {
      await untilRenewedForADuration();
      expect(await lease()).toMatchObject({ holderIdentity, leaseTransitions });
      expect([await leads(first), await leads(second)]).toEqual([true, false]);
    };
    // First only the leader's clock jumps; then the standby's, which was right, jumps the other way.
    await clock.jump(jump);
    await expectSameLeader();
    await expectRemovedAtOnce('web', group, ip(2), ip(3));
    await standbyClock.jump(-jump);
    await expectSameLeader();
    await standbyClock.jump(jump);
    first.signal('SIGKILL');
    const killedAt = performance.now();
    await waitUntil('the other to lead', () => leads(second), { intervalMs: 20 });
    const took = performance.now() - killedAt;
    expect(took).toBeGreaterThan(LEASE_DURATION_MS - 1_000);
    expect(took).toBeLessThan(LEASE_DURATION_MS + PATIENCE_MS);
    await expectRemovedAtOnce('web', group, ip(3));
    await standbyClock[Symbol.asyncDispose]();
  });

  scenario(
    'and the cloud goes by another: calls are corrected, and back once the clock is right',
    async () => {
      const operator = await start();
      const offset = () => operator.metric('vsgb_cloud_clock_offset_seconds');
      await bind('web', group, [ip(1), ip(2), ip(3), ip(4), ip(5)]);
      await app.untilCondition('web', 'True', 'Synced');
      expect(await offset()).toBe(0);
      const before = codesOfWrites().length;
      await clock.jump(jump);
      await expectRemovedAtOnce('web', group, ip(2), ip(3), ip(4), ip(5));
      await expectRemovedAtOnce('web', group, ip(3), ip(4), ip(5));
      expect(Math.abs((await offset())! * 1000 + jump)).toBeLessThan(MINUTE);
      await clock.jump(-jump);
      await expectRemovedAtOnce('web', group, ip(4), ip(5));
      await expectRemovedAtOnce('web', group, ip(5));
      expect(await offset()).toBe(0);
      expect(codesOfWrites().slice(before)).toEqual([REFUSED, 'OK', 'OK', REFUSED, 'OK', 'OK']);
      const warnings = (await operator.lines()).filter(({ level }) => level === 'warn');
      expect(warnings.map(({ message }) => message).filter((message) => message.includes('clock'))).toEqual([
        expect.stringMatching(
          `clock is 3[56]\\d\\d s ${jump > 0 ? 'ahead of' : 'behind'} the cloud's: set it`,
        ),
      ]);
    },
  );

  scenario('and the cloud names no time: told what to do, and right again once the clock is', async () => {
    cloudNamesTime = false;
    await start();
    await bind('web', group, [ip(1), ip(2)]);
    await app.untilCondition('web', 'True', 'Synced');
    await clock.jump(jump);
    await serve('web', ip(2));
    const { status } = await app.untilCondition('web', 'False', 'ApiUnavailable');
    expect(status?.conditions?.[0]?.message).toMatch(
      /InvalidTimeStamp\.Expired.*Set the clock of the node that the operator runs on/,
    );
    expect(env.rows(group)).toHaveLength(2);
    await clock.jump(-jump);
    await env.untilHolds(group, [ip(2)]);
    await app.untilCondition('web', 'True', 'Synced');
  });

  scenario('a session is used for as long as it is good, no longer, and replaced once', async () => {
    // A session is not used within half a minute of its expiration, so these last for fifteen seconds.
    await using sts = await StsStub.start(env.simulator.accessKeys, 45_000);
    await using token = await MountedSecret.create({ token: 'projected-token' });
    await start(['--sts-endpoint', sts.url], {
      ALIBABA_CLOUD_ACCESS_KEY_ID: '',
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: '',
      ALIBABA_CLOUD_ROLE_ARN: 'acs:ram::1:role/vservergroup-operator',
      ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'acs:ram::1:oidc-provider/ack',
      ALIBABA_CLOUD_OIDC_TOKEN_FILE: join(token.dir, 'token'),
    });
    await bind('web', group, [ip(1), ip(2), ip(3)]);
    expect(sts.tokens).toHaveLength(1);
    await clock.jump(jump);
    await expectRemovedAtOnce('web', group, ip(2), ip(3));
    expect(sts.tokens).toHaveLength(1);
    // From here on each session is valid for an hour, whatever the operator's clock says.
    sts.lifetimeMs = HOUR;
    let n = 3;
    await waitUntil('the session to be replaced', async () => {
      n = n === 200 ? 4 : n + 1;
      await serve('web', ip(3), ip(n));
      await env.untilHolds(group, [ip(3), ip(n)]);
      return sts.tokens.length > 1;
    });
    await expectRemovedAtOnce('web', group, ip(3));
    expect(sts.tokens).toHaveLength(2);
    const codes = env.simulator.journal.filter((call) => call.group === group).map(({ code }) => code);
    expect(codes.filter((code) => code !== 'OK')).toEqual([REFUSED]);
  });
});
