import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import type { EcsApi, NetworkInterface, NetworkInterfaceQuery } from '../../../src/alibaba/api/ecs-api.ts';
import { createEniResolver } from '../../../src/alibaba/eni-resolver.ts';
import { createApiError } from '../../../src/alibaba/errors/errors.ts';
import type { ApiError } from '../../../src/cloud/api-error.ts';

const REGION = 'cn-hangzhou';
const DENIED = createApiError({
  ...{
    action: 'DescribeNetworkInterfaces',
    code: 'Forbidden.RAM',
    text: 'no',
    kind: 'denied',
    outcome: 'refused',
  },
});

function setUp(vpcId?: string, spacingMs?: number, resyncMs?: number) {
  const clock = new FakeClock();
  const queries: NetworkInterfaceQuery[] = [];
  const told: string[][] = [];
  const world = new Map<string, NetworkInterface>();
  let error: ApiError | undefined;
  let gate: Promise<void> | undefined;
  const ecs: EcsApi = {
    async describeNetworkInterfaces(query) {
      queries.push(query);
      if (error !== undefined) throw error;
      const snapshot = [...world.values()].filter((eni) =>
        eni.privateIps.some((ip) => query.privateIps.includes(ip)),
      );
      await gate;
      return snapshot;
    },
  };
  const answers: string[] = [];
  const resolver = createEniResolver({
    ...{ ecs, clock, vpcId, spacingMs, resyncMs },
    onAnswer: (result) => answers.push(result),
  });
  resolver.onResolved((region, ips) => told.push([region, ...ips]));
  const attach = (ip: string, id: string, status = 'InUse') =>
    world.set(id, { networkInterfaceId: id, privateIps: [ip], prefixes: [], status });
  return {
    ...{ answers, clock, queries, told, world, resolver, attach },
    fail: (with_: ApiError | undefined) => {
      error = with_;
    },
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = undefined;
        resolve();
      };
    },
  };
}

test('an unknown address is pending, then found, and the listener is told', async () => {
  const { clock, resolver, attach, told, queries } = setUp('vpc-1');
  attach('10.0.0.1', 'eni-1');
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'pending' });
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'found', eniId: 'eni-1' });
  expect(told).toEqual([[REGION, '10.0.0.1']]);
  expect(queries).toEqual([{ regionId: REGION, vpcId: 'vpc-1', privateIps: ['10.0.0.1'] }]);
});

test('each address that was asked for is counted by what came of it', async () => {
  const { clock, resolver, attach, answers, fail } = setUp();
  attach('10.0.0.1', 'eni-1');
  resolver.lookup(REGION, '10.0.0.1');
  resolver.lookup(REGION, '10.0.0.2');
  await clock.advance(0);
  expect(answers).toEqual(['found', 'missing']);
  fail(DENIED);
  resolver.lookup(REGION, '10.0.0.3');
  await clock.advance(0);
  expect(answers.at(-1)).toBe('failed');
});

test('what is asked in one turn goes out in one call for each region and hundred', async () => {
  const { clock, resolver, queries } = setUp();
  for (let i = 0; i < 150; i++) resolver.lookup(REGION, `10.0.${i}.1`);
  resolver.lookup(REGION, '10.0.0.1');
  resolver.lookup('cn-beijing', '10.0.0.1');
  await clock.advance(0);
  expect(queries.map((query) => [query.regionId, query.privateIps.length])).toEqual([
    [REGION, 100],
    [REGION, 50],
    ['cn-beijing', 1],
  ]);
});

test('with a spacing the first look-up goes at once, and what is asked meanwhile shares the next call', async () => {
  const { clock, resolver, queries } = setUp('vpc-1', 250);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(10);
  resolver.lookup(REGION, '10.0.0.2');
  await clock.advance(200);
  resolver.lookup(REGION, '10.0.0.3');
  expect(queries.map(({ privateIps }) => privateIps)).toEqual([['10.0.0.1']]);
  await clock.advance(40);
  expect(queries.map(({ privateIps }) => privateIps)).toEqual([['10.0.0.1'], ['10.0.0.2', '10.0.0.3']]);
});

test('an address that is being asked for is not asked for again', async () => {
  const { clock, resolver, queries, hold } = setUp();
  const release = hold();
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(100);
  expect(queries).toHaveLength(1);
  release();
  await clock.advance(0);
  resolver.close();
});

test('a missing interface is looked for again by itself, with back-off, until it is there', async () => {
  const { clock, resolver, attach, told, queries } = setUp();
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'missing', since: 0 });
  await clock.advance(999);
  expect(queries).toHaveLength(1);
  await clock.advance(1);
  expect(queries).toHaveLength(2);
  await clock.advance(2_000);
  expect(queries).toHaveLength(3);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'missing', since: 0 });
  attach('10.0.0.1', 'eni-1');
  await clock.advance(4_000);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ state: 'found', eniId: 'eni-1' });
  expect(told).toHaveLength(2);
});

test('an address that stays without interface is looked for less and less, every ten minutes while someone asks', async () => {
  const { clock, resolver, queries } = setUp();
  const minutes = async (count: number) => {
    for (let i = 0; i < count; i++) {
      resolver.lookup(REGION, '10.0.0.1');
      await clock.advance(60_000);
    }
    return queries.length;
  };
  const first = await minutes(1);
  expect(first).toBe(6);
  expect((await minutes(20)) - first).toBeLessThanOrEqual(5);
  const before = queries.length;
  expect((await minutes(60)) - before).toBeGreaterThanOrEqual(5);
  expect(queries.length - before).toBeLessThanOrEqual(7);
  await clock.advance(1_200_000);
  const after = queries.length;
  await clock.advance(3_600_000);
  expect(queries.length).toBe(after);
  expect(clock.pending).toBe(0);
});

test('an address out of an IP prefix is behind the interface that has the prefix, listed there or not', async () => {
  const clock = new FakeClock();
  const ecs: EcsApi = {
    describeNetworkInterfaces: async () => [
      {
        networkInterfaceId: 'eni-1',
        privateIps: ['10.0.0.1'],
        prefixes: ['10.0.1.16/28', 'hide'],
        status: 'InUse',
      },
      { networkInterfaceId: 'eni-6', privateIps: [], prefixes: ['2001:db8:1::/80'], status: 'InUse' },
    ],
  };
  const resolver = createEniResolver({ ecs, clock });
  const found = async (ip: string) => {
    resolver.lookup(REGION, ip);
    await clock.advance(0);
    return resolver.lookup(REGION, ip);
  };
  expect(await found('10.0.1.17')).toEqual({ state: 'found', eniId: 'eni-1' });
  expect(await found('10.0.1.31')).toEqual({ state: 'found', eniId: 'eni-1' });
  expect(await found('10.0.1.32')).toMatchObject({ state: 'missing' });
  expect(await found('2001:db8:1::9')).toEqual({ state: 'found', eniId: 'eni-6' });
  expect(await found('2001:db8:2::9')).toMatchObject({ state: 'missing' });
  resolver.close();
});

test('an interface that is not attached is missing', async () => {
  const { clock, resolver, attach } = setUp();
  attach('10.0.0.1', 'eni-1', 'Detaching');
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ state: 'missing' });
});

test('a failure is told with its error, retried with back-off, and ends with the failure', async () => {
  const { clock, resolver, attach, fail, queries } = setUp();
  attach('10.0.0.1', 'eni-1');
  fail(DENIED);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'failed', error: DENIED });
  for (let i = 0; i < 100; i++) resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  expect(queries).toHaveLength(1);
  fail(undefined);
  await clock.advance(1_000);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ state: 'found' });
});

test('only what failed for want of credentials is retried at once when there are others', async () => {
  const { clock, resolver, attach, fail, queries } = setUp();
  for (const [code, kind] of [
    ['InvalidAccessKeyId.NotFound', 'credentials'],
    ['Forbidden.RAM', 'denied'],
  ] as const) {
    fail(createApiError({ ...DENIED, code, kind }));
    resolver.lookup(REGION, kind === 'credentials' ? '10.0.0.1' : '10.0.0.2');
    await clock.advance(0);
  }
  attach('10.0.0.1', 'eni-1');
  fail(undefined);
  queries.length = 0;
  resolver.credentialsChanged();
  await clock.advance(0);
  expect(queries.map(({ privateIps }) => privateIps)).toEqual([['10.0.0.1']]);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'found', eniId: 'eni-1' });
});

test('a failure that lasts is retried until those who wait have had two resyncs to ask again', async () => {
  const { clock, resolver, attach, told, fail } = setUp(undefined, 0, 60 * 60_000);
  attach('10.0.0.1', 'eni-1');
  fail(DENIED);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(120 * 60_000);
  expect(told).toHaveLength(1);
  fail(undefined);
  await clock.advance(60_000);
  expect(told).toHaveLength(2);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'found', eniId: 'eni-1' });
  await clock.advance(12 * 60_000);
  expect(clock.pending).toBe(0);
  resolver.lookup(REGION, '10.0.0.2');
  await clock.advance(144 * 60_000);
  expect(clock.pending).toBe(0);
});

test('an old answer serves while it is asked for again, and its change is told', async () => {
  const { clock, resolver, attach, world, told, queries } = setUp();
  attach('10.0.0.1', 'eni-1');
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(599_000);
  resolver.lookup(REGION, '10.0.0.1');
  expect(queries).toHaveLength(1);
  world.clear();
  attach('10.0.0.1', 'eni-2');
  await clock.advance(2_000);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ eniId: 'eni-1' });
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ eniId: 'eni-2' });
  expect(told).toHaveLength(2);
});

test('a failed renewal leaves what was known', async () => {
  const { clock, resolver, attach, fail } = setUp();
  attach('10.0.0.1', 'eni-1');
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(599_000);
  resolver.lookup(REGION, '10.0.0.1');
  fail(DENIED);
  await clock.advance(2_000);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ state: 'found', eniId: 'eni-1' });
});

test('a failed renewal leaves what was missing as it was', async () => {
  const { clock, resolver, fail, told, queries } = setUp();
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  fail(DENIED);
  await clock.advance(1_000);
  expect(queries).toHaveLength(2);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'missing', since: 0 });
  expect(told).toHaveLength(1);
  resolver.close();
});

test('what was missing is retried within a minute of the end of an outage, and at once with new credentials', async () => {
  const { clock, resolver, attach, fail, queries } = setUp(undefined, 0, 60 * 60_000);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  fail(createApiError({ ...DENIED, code: 'InvalidAccessKeyId.NotFound', kind: 'credentials' }));
  await clock.advance(30 * 60_000);
  attach('10.0.0.1', 'eni-1');
  queries.length = 0;
  await clock.advance(60_000 * 1.5);
  expect(queries.length).toBeGreaterThan(0);
  fail(undefined);
  resolver.credentialsChanged();
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'found', eniId: 'eni-1' });
  resolver.close();
});

test('a missing interface is soon looked for again, however often the call had failed before', async () => {
  const { clock, resolver, fail, queries } = setUp();
  fail(DENIED);
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(6_999);
  expect(queries).toHaveLength(3);
  fail(undefined);
  await clock.advance(1);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ state: 'missing' });
  await clock.advance(1_000);
  expect(queries).toHaveLength(5);
  resolver.close();
});

test('an invalidated address is asked for anew, and an answer from before is not taken', async () => {
  const { clock, resolver, attach, world, hold } = setUp();
  attach('10.0.0.1', 'eni-old');
  const release = hold();
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  resolver.invalidate(REGION, '10.0.0.1');
  world.clear();
  attach('10.0.0.1', 'eni-new');
  release();
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'pending' });
  await clock.advance(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toMatchObject({ eniId: 'eni-new' });
});

test('an address with two interfaces is an error that says what to set', async () => {
  const { clock, resolver, attach } = setUp();
  attach('10.0.0.1', 'eni-1');
  attach('10.0.0.1', 'eni-2');
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(0);
  const lookup = resolver.lookup(REGION, '10.0.0.1');
  expect(lookup).toMatchObject({
    state: 'failed',
    error: { kind: 'configuration', code: 'AmbiguousAddress' },
  });
  expect(lookup.state === 'failed' && lookup.error.hint.text).toContain('--vpc-id');
});

test('IPv6 addresses are the same however they are spelled', async () => {
  const clock = new FakeClock();
  const ecs: EcsApi = {
    describeNetworkInterfaces: async () => [
      { networkInterfaceId: 'eni-6', privateIps: ['2001:0db8:0000::0001'], prefixes: [], status: 'InUse' },
    ],
  };
  const resolver = createEniResolver({ ecs, clock });
  resolver.lookup(REGION, '2001:db8::1');
  await clock.advance(0);
  expect(resolver.lookup(REGION, '2001:db8::1')).toMatchObject({ state: 'found', eniId: 'eni-6' });
  resolver.close();
});

test('what nobody asks for is forgotten, and nothing runs after close', async () => {
  const { clock, resolver, attach, queries } = setUp();
  attach('10.0.0.1', 'eni-1');
  resolver.lookup(REGION, '10.0.0.1');
  await clock.advance(700_000);
  expect(clock.pending).toBe(0);
  expect(resolver.lookup(REGION, '10.0.0.1')).toEqual({ state: 'pending' });
  resolver.close();
  expect(clock.pending).toBe(0);
  expect(queries).toHaveLength(1);
});
