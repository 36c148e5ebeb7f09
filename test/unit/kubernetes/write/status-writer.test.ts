import { afterEach, describe, expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { KubeApiError, KubeConnectionError } from '../../../../src/kubernetes/client/api-error.ts';
import type { RequestOptions } from '../../../../src/kubernetes/client/transport-types.ts';
import { fieldsOf, printOf } from '../../../../src/kubernetes/write/status-fields.ts';
import { type StatusFailure, StatusWriter } from '../../../../src/kubernetes/write/status-writer.ts';

const ref = { namespace: 'shop', name: 'web', uid: 'uid-1' };
const other = { namespace: 'shop', name: 'api', uid: 'uid-2' };

interface Write {
  readonly path: string;
  readonly uid: string;
  /** The whole status, or the fields of a partial one. */
  readonly status: unknown;
  readonly paths: readonly string[];
  readonly contentType: string | undefined;
  readonly accepts: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Responds with the version that the write created. */
  readonly accept: () => void;
  readonly refuse: (error: unknown) => void;
}

const writers: StatusWriter[] = [];

afterEach(() => {
  for (const writer of writers.splice(0)) writer.close();
});

function setUp(options: { readonly mayWrite?: () => boolean } = {}) {
  const clock = new FakeClock();
  const writes: Write[] = [];
  const reads: string[] = [];
  const results: string[] = [];
  const failures: StatusFailure[] = [];
  const server = { uid: 'uid-1' as string | undefined, version: 100 };
  const request = (
    method: string,
    path: string,
    { body, contentType, accept: accepts, signal }: RequestOptions = {},
  ) => {
    if (method === 'GET') {
      reads.push(path);
      if (server.uid === undefined) return Promise.reject(notFound);
      return Promise.resolve({ metadata: { uid: server.uid } });
    }
    const patch = JSON.parse(String(body));
    const [check, ...changes] = patch as [{ value: string }, ...{ path: string; value: unknown }[]];
    const paths = changes.map(({ path }) => path);
    const fields = changes.map(({ path, value }) => [path.slice('/status/'.length), value]);
    const status = paths[0] === '/status' ? changes[0]?.value : Object.fromEntries(fields);
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      const accept = () => resolve({ metadata: { resourceVersion: String(server.version++) } });
      writes.push({
        path,
        uid: check.value,
        status,
        paths,
        contentType,
        accepts,
        signal,
        accept,
        refuse: reject,
      });
    });
  };
  const writer = new StatusWriter({
    transport: { request: request as never },
    pathOf: ({ namespace, name }) => `/apis/g/v1/namespaces/${namespace}/things/${name}`,
    clock,
    backoff: { jitter: 0 },
    writes: { inc: ({ result }) => results.push(result) },
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
  writers.push(writer);
  /** The cache shows an object with this status. */
  const shows = (resourceVersion: number, status: unknown) =>
    writer.observed(
      { ...ref, resourceVersion: String(resourceVersion) },
      status === undefined ? undefined : printOf(fieldsOf(status)),
    );
  return { clock, writer, shows, writes, reads, results, failures, server };
}

const notFound = new KubeApiError({ method: 'GET', path: '/x' }, 404, {
  ...{ reason: 'NotFound', message: '', causes: [] },
});

function apiError(status: number, retryAfterMs?: number): KubeApiError {
  const answer = { reason: '', message: '', causes: [], ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return new KubeApiError({ method: 'PATCH', path: '/x' }, status, answer);
}

async function accepted(writes: readonly Write[]) {
  writes.at(-1)?.accept();
  await settle();
}

test('the first write goes at once, to the status subresource, and tests the uid', () => {
  const { writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  expect(writes).toMatchObject([
    {
      path: '/apis/g/v1/namespaces/shop/things/web/status',
      contentType: 'application/json-patch+json',
      uid: 'uid-1',
      status: { desired: 1 },
    },
  ]);
});

test('at most one write per object is in flight, and of what comes meanwhile the newest wins', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  writer.write(ref, { desired: 2 });
  writer.write(ref, { desired: 3 });
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
  await accepted(writes);
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 3 }]);
});

test('objects do not wait for each other', () => {
  const { writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  writer.write(other, { desired: 1 });
  expect(writes.map(({ uid }) => uid)).toEqual(['uid-1', 'uid-2']);
});

test('nothing is written that the API server shows already, by its reply or by the cache', async () => {
  const { clock, writer, shows, writes, results } = setUp();
  shows(7, { desired: 1, conditions: [{ type: 'Ready' }] });
  writer.write(ref, { conditions: [{ type: 'Ready' }], desired: 1, message: undefined });
  expect(writes).toHaveLength(0);
  writer.write(ref, { desired: 2 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
  expect(results).toEqual(['unchanged', 'written', 'unchanged']);
});

test.each(['after the reply', 'before it'])(
  'what the schema made of a status, as the cache shows it %s, is not written over and over',
  async (when) => {
    const { clock, writer, shows, writes } = setUp();
    const shown = () => shows(100, { desired: 1, observedGeneration: -1 });
    writer.write(ref, { desired: 1, unknown: true });
    if (when === 'before it') shown();
    await accepted(writes);
    if (when === 'after the reply') shown();
    for (let i = 0; i < 3; i++) {
      writer.write(ref, { desired: 1, unknown: true });
      await clock.advance(5_000);
    }
    expect(writes).toHaveLength(1);
  },
);

test('of the reply only the version is asked for', () => {
  const { writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  expect(writes[0]?.accepts).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
});

test('a change that the cache shows before the reply to an older write is not taken for that write', async () => {
  const { clock, writer, shows, writes } = setUp();
  writer.write(ref, { desired: 1 });
  shows(101, { desired: 9 });
  await accepted(writes);
  writer.write(ref, { desired: 1 });
  await clock.advance(1_000);
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 1 }]);
});

test('a status that someone else changed is written again', async () => {
  const { clock, writer, shows, writes } = setUp();
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  shows(101, { desired: 9 });
  writer.write(ref, { desired: 1 });
  await clock.advance(1_000);
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 1 }]);
});

test('a cache that lags behind the reply is not believed', async () => {
  const { clock, writer, shows, writes, server } = setUp();
  server.version = 1_000;
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  shows(999, { desired: 0 });
  writer.write(ref, { desired: 1 });
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
});

test.each<[string, Error, number]>([
  ['has no answer', new KubeConnectionError({ method: 'PATCH', path: '/x' }, 'ECONNRESET', 'cut'), 2],
  ['fails', apiError(504), 2],
  ['is refused', apiError(403), 1],
])('when a write %s, the status before it is written again if it may be gone', async (_, error, count) => {
  const { clock, writer, shows, writes } = setUp();
  shows(7, { desired: 1 });
  writer.write(ref, { desired: 2 });
  writer.write(ref, { desired: 1 });
  writes[0]?.refuse(error);
  await clock.advance(5_000);
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 2 }, { desired: 1 }].slice(0, count));
  await accepted(writes);
  writer.write(ref, { desired: 1 });
  await clock.advance(5_000);
  expect(writes).toHaveLength(count);
});

test.each(['before', 'after'])(
  'a write that fails is not repeated if the cache shows it %s that',
  async (when) => {
    const { clock, writer, shows, writes } = setUp();
    shows(7, { desired: 1 });
    writer.write(ref, { desired: 2 });
    if (when === 'before') shows(8, { desired: 2 });
    writes[0]?.refuse(apiError(504));
    await clock.advance(1);
    if (when === 'after') shows(8, { desired: 2 });
    await clock.advance(5_000);
    expect(writes).toHaveLength(1);
  },
);

test('writes of one object keep a spacing of a second, in which the newest wins', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  await clock.advance(999);
  writer.write(ref, { desired: 3 });
  expect(writes).toHaveLength(1);
  await clock.advance(1);
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 3 }]);
});

test('a change that is taken back within the spacing is not written', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  writer.write(ref, { desired: 1 });
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

describe('a patient write', () => {
  test('goes after two seconds, with the newest of what came meanwhile', async () => {
    const { clock, writer, writes } = setUp();
    writer.write(ref, { desired: 1 }, { patient: true });
    await clock.advance(1_500);
    writer.write(ref, { desired: 2 }, { patient: true });
    await clock.advance(499);
    expect(writes).toHaveLength(0);
    await clock.advance(1);
    expect(writes.map(({ status }) => status)).toEqual([{ desired: 2 }]);
  });

  test('goes with one that is not', async () => {
    const { clock, writer, writes } = setUp();
    writer.write(ref, { desired: 1 }, { patient: true });
    writer.write(ref, { desired: 2 });
    await accepted(writes);
    expect(writes.map(({ status }) => status)).toEqual([{ desired: 2 }]);
    expect(clock.pending).toBe(0);
  });

  test('does not hold back one that is not', async () => {
    const { clock, writer, writes } = setUp();
    writer.write(ref, { desired: 1 });
    await accepted(writes);
    writer.write(ref, { desired: 2 });
    writer.write(ref, { desired: 3 }, { patient: true });
    await clock.advance(1_000);
    expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 3 }]);
  });

  test('is not made when what it tells of is over by then', async () => {
    const { clock, writer, shows, writes } = setUp();
    shows(7, { desired: 1 });
    writer.write(ref, { desired: 2 }, { patient: true });
    writer.write(ref, { desired: 1 }, { patient: true });
    await clock.advance(5_000);
    expect(writes).toHaveLength(0);
    expect(clock.pending).toBe(0);
  });

  test('waits no more once all is flushed', async () => {
    const { writer, writes } = setUp();
    writer.write(ref, { desired: 1 }, { patient: true });
    const flushed = writer.flush(5_000);
    await accepted(writes);
    expect(await flushed).toEqual([]);
    expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }]);
  });
});

test('an urgent write goes at once, and takes what waited with it', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  writer.write(ref, { desired: 3 }, { urgent: true });
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 3 }]);
  await accepted(writes);
  expect(clock.pending).toBe(0);
});

test('a failed write is tried again after a back-off, with the newest status', async () => {
  const { clock, writer, writes, failures, results } = setUp();
  writer.write(ref, { desired: 1 });
  writes[0]?.refuse(new KubeConnectionError({ method: 'PATCH', path: '/x' }, 'ECONNRESET', 'cut'));
  await settle();
  writer.write(ref, { desired: 2 }, { urgent: true });
  await clock.advance(199);
  expect(writes).toHaveLength(1);
  await clock.advance(1);
  writes[1]?.refuse(apiError(503));
  await clock.advance(399);
  expect(writes).toHaveLength(2);
  await clock.advance(1);
  await accepted(writes);
  expect(writes.map(({ status }) => status)).toEqual([{ desired: 1 }, { desired: 2 }, { desired: 2 }]);
  expect(failures).toMatchObject([
    { ref, attempts: 1, retryInMs: 200 },
    { ref, attempts: 2, retryInMs: 400 },
  ]);
  expect(results).toEqual(['error', 'error', 'written']);
});

test('a write is not tried again before the Retry-After of the API server', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  writes[0]?.refuse(apiError(429, 3_000));
  await clock.advance(2_999);
  expect(writes).toHaveLength(1);
  await clock.advance(1);
  expect(writes).toHaveLength(2);
});

test.each([
  ['is gone', notFound, undefined],
  ['is gone by the time it is looked at', apiError(422), undefined],
  ['is another one of the same name now', apiError(422), 'uid-9'],
])('a write is dropped when the object %s', async (_, error, uid) => {
  const { clock, writer, writes, server, results, failures } = setUp();
  server.uid = uid;
  writer.write(ref, { desired: 1 });
  writes[0]?.refuse(error);
  await clock.advance(60_000);
  expect(writes).toHaveLength(1);
  expect(results).toEqual(['conflict']);
  expect(failures).toEqual([]);
});

test('a gateway that finds nothing does not mean that the object is gone: the write is tried again', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  writes[0]?.refuse(apiError(404));
  await clock.advance(5_000);
  expect(writes).toHaveLength(2);
});

test('a status that the schema refuses is a failure, not the end of the object', async () => {
  const { clock, writer, writes, results } = setUp();
  writer.write(ref, { desired: -1 });
  writes[0]?.refuse(apiError(422));
  await clock.advance(200);
  expect(writes).toHaveLength(2);
  expect(results).toEqual(['error']);
});

describe('a part of the status', () => {
  const part = { observedGeneration: 2, conditions: [{ type: 'Ready' }] };
  const recorded = { observedGeneration: 1, conditions: [], backends: [{ serverId: 'eni-1' }] };

  test('replaces its own fields and no other', async () => {
    const { clock, writer, shows, writes } = setUp();
    shows(7, recorded);
    writer.write(ref, part, { part: true });
    expect(writes.map(({ paths, uid }) => [uid, ...paths])).toEqual([
      ['uid-1', '/status/observedGeneration', '/status/conditions'],
    ]);
    expect(writes[0]?.status).toEqual(part);
    await accepted(writes);
    writer.write(ref, part, { part: true });
    await clock.advance(5_000);
    expect(writes).toHaveLength(1);
  });

  test('is the whole of it where there is none', () => {
    const { writer, shows, writes } = setUp();
    shows(7, undefined);
    writer.write(ref, part, { part: true });
    expect(writes).toMatchObject([{ paths: ['/status'], status: part }]);
  });

  test('that is shown already is not written', async () => {
    const { clock, writer, shows, writes, results } = setUp();
    shows(7, { ...recorded, ...part });
    writer.write(ref, part, { part: true });
    await clock.advance(5_000);
    expect(writes).toEqual([]);
    expect(results).toEqual(['unchanged']);
  });

  test('takes with it a whole status that waits, or that failed meanwhile', async () => {
    const { clock, writer, shows, writes } = setUp();
    shows(7, {});
    writer.write(ref, { desired: 1 });
    await accepted(writes);
    writer.write(ref, recorded);
    writer.write(ref, part, { part: true });
    await clock.advance(1_000);
    expect(writes[1]).toMatchObject({ paths: ['/status'], status: { ...recorded, ...part } });
    writer.write(ref, { ...part, observedGeneration: 3 }, { part: true });
    writes[1]?.refuse(apiError(503));
    await clock.advance(1_000);
    expect(writes[2]).toMatchObject({
      paths: ['/status'],
      status: { ...recorded, ...part, observedGeneration: 3 },
    });
  });

  test('that the API server refuses is told once and not tried again, until there is another', async () => {
    const { clock, writer, shows, writes, reads, results, failures } = setUp();
    shows(7, recorded);
    writer.write(ref, part, { part: true });
    writes[0]?.refuse(apiError(422));
    await clock.advance(3_600_000);
    for (let i = 0; i < 20; i++) writer.write(ref, part, { part: true });
    await clock.advance(3_600_000);
    expect([writes.length, reads.length, clock.pending]).toEqual([1, 1, 0]);
    expect(failures).toMatchObject([{ ref, attempts: 1, retryInMs: undefined }]);
    expect(results[0]).toBe('error');
    writer.write(ref, { ...part, observedGeneration: 3 }, { part: true });
    await accepted(writes);
    expect(writes).toHaveLength(2);
  });

  test('that fails otherwise is tried again', async () => {
    const { clock, writer, shows, writes } = setUp();
    shows(7, recorded);
    writer.write(ref, part, { part: true });
    writes[0]?.refuse(apiError(503));
    await clock.advance(200);
    expect(writes.map(({ status }) => status)).toEqual([part, part]);
  });

  test('is followed by a whole status once there is one again', async () => {
    const { clock, writer, shows, writes } = setUp();
    shows(7, recorded);
    writer.write(ref, part, { part: true });
    await accepted(writes);
    writer.write(ref, { ...recorded, observedGeneration: 3 });
    await clock.advance(1_000);
    expect(writes[1]).toMatchObject({ paths: ['/status'], status: { ...recorded, observedGeneration: 3 } });
  });
});

test('what waits for a forgotten object is dropped', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  writer.forget(ref);
  expect(clock.pending).toBe(0);
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
});

test('a write that may not go is dropped', async () => {
  let leads = true;
  const { clock, writer, writes } = setUp({ mayWrite: () => leads });
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  leads = false;
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
  expect(await writer.flush(0)).toEqual([]);
});

test('flush writes all that waits without spacing, then closes', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  await accepted(writes);
  writer.write(ref, { desired: 2 });
  const flushed = writer.flush(5_000);
  writer.write(ref, { desired: 3 });
  writes[1]?.accept();
  await settle();
  expect(writes).toHaveLength(3);
  writes[2]?.accept();
  expect(await flushed).toEqual([]);
  writer.write(ref, { desired: 4 });
  expect(writes).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

test('flush tries failed writes again and names what could not be written before the deadline', async () => {
  const { clock, writer, writes } = setUp();
  writer.write(ref, { desired: 1 });
  writer.write(other, { desired: 1 });
  const flushed = writer.flush(1_000);
  writes[0]?.refuse(apiError(503));
  writes[1]?.refuse(apiError(503));
  await clock.advance(200);
  expect(writes).toHaveLength(4);
  writes[2]?.accept();
  await clock.advance(800);
  expect(await flushed).toEqual([other]);
  expect(clock.pending).toBe(0);
});

test('close drops what waits and cuts what is in flight', async () => {
  const { clock, writer, writes, failures } = setUp();
  writer.write(ref, { desired: 1 });
  writer.close();
  await settle();
  expect(writes[0]?.signal?.aborted).toBe(true);
  writer.write(ref, { desired: 2 });
  await clock.advance(5_000);
  expect(writes).toHaveLength(1);
  expect(failures).toEqual([]);
});
