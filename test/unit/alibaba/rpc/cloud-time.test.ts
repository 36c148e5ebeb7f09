import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { createAlibabaClient } from '../../../../src/alibaba/client.ts';
import { createCloudTime } from '../../../../src/alibaba/rpc/cloud-time.ts';
import type { CallRecord } from '../../../../src/alibaba/rpc/rpc.ts';
import { createRateLimiter } from '../../../../src/alibaba/throttle.ts';
import { systemClock } from '../../../../src/clock.ts';
import { type CallOptions, WithdrawnError } from '../../../../src/cloud/server-groups.ts';
import { failure, fault, fixedCredentials, GROUP, json, LocalApi } from './local-api.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CLOUD_NOW = Date.UTC(2026, 0, 1, 12);
const ROW = { serverId: 'i-1', port: 80, type: 'ecs', weight: 100 } as const;
const REFUSED = 'InvalidTimeStamp.Expired';

const utc = (time: number) => new Date(time).toUTCString();

/** A cloud whose clock stands still, and a client whose clock is off by this much. */
async function setUp(offMs: number) {
  const clock = new FakeClock(0, CLOUD_NOW + offMs);
  const cloud = { code: REFUSED, date: utc(CLOUD_NOW) as string | undefined, onRefused: () => {} };
  const api = await LocalApi.start(({ params }, response) => {
    response.sendDate = false;
    if (cloud.date !== undefined) response.setHeader('date', cloud.date);
    const off = Math.abs(Date.parse(params['Timestamp'] ?? '') - CLOUD_NOW);
    if (off <= 15 * MINUTE) {
      json(response, { RequestId: 'R', VServerGroupId: 'rsp-1', BackendServers: { BackendServer: [] } });
      return;
    }
    cloud.onRefused();
    fault(response, cloud.code, 'Specified time stamp or date value is expired.');
  });
  const offsets: number[] = [];
  const records: CallRecord[] = [];
  const cloudTime = createCloudTime(clock, (offset) => offsets.push(offset));
  const limiter = createRateLimiter({ clock: systemClock, qps: 50, burst: 20 });
  const client = createAlibabaClient({
    endpoints: { network: 'vpc', override: { slb: api.url, ecs: api.url } },
    ...{ credentials: fixedCredentials(), limiter, clock, cloudTime, env: {} },
    onCall: (record) => records.push(record),
  });
  return {
    ...{ ...client, clock, cloud, cloudTime, offsets },
    remove: (options?: CallOptions) => client.vServerGroups.remove(GROUP, [ROW], options),
    /** The codes of all attempts; checks that the API saw as many. */
    attempts() {
      expect(api.received).toHaveLength(records.length);
      return records.map(({ code }) => code);
    },
    timestamps: () => api.received.map(({ params }) => params['Timestamp']),
    nonces: () => new Set(api.received.map(({ params }) => params['SignatureNonce'])),
    async [Symbol.asyncDispose]() {
      client.close();
      limiter.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

test('calls are signed with the time of our clock, in whole seconds', async () => {
  await using client = await setUp(-1);
  await client.remove();
  expect(client.timestamps()).toEqual(['2026-01-01T11:59:59Z']);
  expect(client.offsets).toEqual([]);
});

test.each([HOUR, -HOUR])(
  'a call that is refused for a clock that is %d ms off is sent once more, by the time of the reply',
  async (off) => {
    await using client = await setUp(off);
    await client.remove();
    expect(client.attempts()).toEqual([REFUSED, 'OK']);
    expect(client.timestamps()[1]).toBe('2026-01-01T12:00:00Z');
    expect(client.nonces().size).toBe(2);
    expect(client.offsets).toEqual([-off]);
  },
);

test('later calls of all products go by it at once', async () => {
  await using client = await setUp(HOUR);
  await client.vServerGroups.describe(GROUP);
  await client.remove();
  await client.ecs.describeNetworkInterfaces({ regionId: 'cn-hangzhou', privateIps: ['10.0.0.1'] });
  expect(client.attempts()).toEqual([REFUSED, 'OK', 'OK', 'OK']);
});

test('calls that are refused at the same time are each sent once more, and the offset is told once', async () => {
  await using client = await setUp(HOUR);
  await Promise.all([client.remove(), client.remove(), client.remove()]);
  expect(client.attempts().toSorted()).toEqual([REFUSED, REFUSED, REFUSED, 'OK', 'OK', 'OK']);
  expect(client.offsets).toEqual([-HOUR]);
});

test('once the clock is set right, the next call is corrected back', async () => {
  await using client = await setUp(HOUR);
  await client.remove();
  client.clock.jump(-HOUR);
  await client.remove();
  await client.remove();
  expect(client.attempts()).toEqual([REFUSED, 'OK', REFUSED, 'OK', 'OK']);
  expect(client.offsets).toEqual([-HOUR, 0]);
});

test.each([
  ['no date', undefined],
  ['a date that is none', 'yesterday'],
  ['a date in another form', '2026-01-01T12:00:00Z'],
  ['a year of five digits', 'Fri, 01 Jan 12026 12:00:00 GMT'],
  ['the time that it was signed with', utc(CLOUD_NOW + HOUR)],
  ['nearly the time that it was signed with', utc(CLOUD_NOW + HOUR - MINUTE + 1_000)],
])('a refusal that names %s is the error, and nothing is sent again', async (_, date) => {
  await using client = await setUp(HOUR);
  client.cloud.date = date;
  expect(await failure(client.remove())).toMatchObject({ code: REFUSED, outcome: 'refused' });
  expect(client.attempts()).toEqual([REFUSED]);
  expect(client.offsets).toEqual([]);
});

test('a false date costs one more refused call, and is forgotten', async () => {
  await using client = await setUp(HOUR);
  client.cloud.date = utc(CLOUD_NOW + 9 * HOUR);
  expect(await failure(client.remove())).toMatchObject({ code: REFUSED });
  expect(client.attempts()).toEqual([REFUSED, REFUSED]);
  expect(client.cloudTime.offsetMs).toBe(0);
  client.clock.jump(-HOUR);
  await client.remove();
  expect(client.attempts()).toEqual([REFUSED, REFUSED, 'OK']);
});

test('with the clock right again and no date any more, calls go by the clock again', async () => {
  await using client = await setUp(HOUR);
  await client.remove();
  client.clock.jump(-HOUR);
  client.cloud.date = undefined;
  await client.remove();
  expect(client.attempts()).toEqual([REFUSED, 'OK', REFUSED, 'OK']);
});

test('the second attempt leaves only if it still may', async () => {
  await using client = await setUp(HOUR);
  let mayLeave = true;
  client.cloud.onRefused = () => {
    mayLeave = false;
  };
  const error = await failure(client.remove({ mayLeave: () => mayLeave }));
  expect(error).toBeInstanceOf(WithdrawnError);
  expect(client.attempts()).toEqual([REFUSED]);
});

test('a call that is aborted before its refusal arrives is not sent again', async () => {
  await using client = await setUp(HOUR);
  const controller = new AbortController();
  client.cloud.onRefused = () => controller.abort(new Error('stop'));
  expect(await failure(client.remove({ signal: controller.signal }))).toMatchObject({ message: 'stop' });
  expect(client.attempts()).toEqual(['Aborted']);
});

test('other refusals teach no time', async () => {
  await using client = await setUp(HOUR);
  client.cloud.code = 'InvalidAccessKeyId.NotFound';
  await failure(client.remove());
  expect(client.attempts()).toEqual(['InvalidAccessKeyId.NotFound']);
  expect(client.offsets).toEqual([]);
});
