import { afterEach, expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { KubeApiError, KubeConnectionError } from '../../../../src/kubernetes/client/api-error.ts';
import type { RequestOptions } from '../../../../src/kubernetes/client/transport-types.ts';
import { microTime } from '../../../../src/kubernetes/objects/micro-time.ts';
import { cutBytes, type EventInput } from '../../../../src/kubernetes/write/event-body.ts';
import { EventRecorder } from '../../../../src/kubernetes/write/event-recorder.ts';

interface Body {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly note: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

const minute = 60_000;
const recorders: EventRecorder[] = [];

afterEach(() => {
  for (const recorder of recorders.splice(0)) recorder.close();
});

function setUp(onFailure: () => void = () => {}) {
  const clock = new FakeClock();
  const results: string[] = [];
  const created: Body[] = [];
  const patched: { readonly path: string; readonly body: Pick<Body, 'series'> }[] = [];
  /** Errors to respond with, one per call, before calls succeed again. */
  const faults: unknown[] = [];
  const request = async (method: string, path: string, { body }: RequestOptions = {}) => {
    const fault = faults.shift();
    if (fault !== undefined) throw fault;
    if (method === 'POST') created.push(body as Body);
    else patched.push({ path, body: body as Body });
    return body;
  };
  const recorder = new EventRecorder({
    transport: { request: request as never },
    reportingInstance: 'operator-0',
    clock,
    events: { inc: ({ result }) => results.push(result) },
    onFailure,
  });
  recorders.push(recorder);
  const count = (result: string) => results.filter((other) => other === result).length;
  return { clock, recorder, created, patched, faults, count };
}

function event(changes: Partial<EventInput> = {}, uid = 'uid-1'): EventInput {
  const regarding = {
    apiVersion: 'slb.alibabacloud.com/v1beta1',
    kind: 'VServerGroupBinding',
    namespace: 'shop',
    name: 'web',
    uid,
  };
  const note = 'Removed 2 backends from rsp-1.';
  return { regarding, type: 'Normal', reason: 'Removed', action: 'Reconcile', note, ...changes };
}

function apiError(status: number, reason = '', retryAfterMs?: number): KubeApiError {
  const answer = { reason, message: '', causes: [], ...(retryAfterMs !== undefined && { retryAfterMs }) };
  return new KubeApiError({ method: 'POST', path: '/x' }, status, answer);
}

const away = () => new KubeConnectionError({ method: 'POST', path: '/x' }, 'ECONNREFUSED', 'away');

test('an event holds all that the API server asks for', async () => {
  const { recorder, created, count } = setUp();
  recorder.record(event());
  await settle();
  expect(created).toEqual([
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
      eventTime: '2026-01-01T00:00:00.000000Z',
      type: 'Normal',
      reason: 'Removed',
      action: 'Reconcile',
      note: 'Removed 2 backends from rsp-1.',
      reportingController: 'slb.alibabacloud.com/vservergroup-operator',
      reportingInstance: 'operator-0',
      regarding: event().regarding,
    },
  ]);
  expect(count('sent')).toBe(1);
});

test('an event about what has no namespace is kept in default', async () => {
  const { recorder, created } = setUp();
  recorder.record(event({ regarding: { ...event().regarding, namespace: '', name: 'node-1' } }));
  await settle();
  expect(created[0]?.metadata.namespace).toBe('default');
});

test('the name of an event stays a valid one when that of its object is as long as can be', async () => {
  const { recorder, created } = setUp();
  const name = `${'a'.repeat(235)}.${'b'.repeat(17)}`;
  recorder.record(event({ regarding: { ...event().regarding, name } }));
  await settle();
  expect(created[0]?.metadata.name).toMatch(/^a{235}\.[0-9a-f]{16}$/);
});

test('note is cut to 1024 bytes and words to 128, never within a character', async () => {
  const { recorder, created } = setUp();
  recorder.record(event({ note: 'é'.repeat(600), reason: 'R'.repeat(200) }));
  await settle();
  expect(created[0]).toMatchObject({ note: 'é'.repeat(512), reason: 'R'.repeat(128) });
  expect(cutBytes(`${'x'.repeat(1023)}é`, 1024)).toBe('x'.repeat(1023));
  expect(cutBytes('a😀', 4)).toBe('a');
});

test('MicroTime has six digits', () => {
  expect(microTime(Date.UTC(2026, 6, 1, 2, 3, 4, 56))).toBe('2026-07-01T02:03:04.056000Z');
});

test("a repeat becomes part of the earlier event's series: told at once the first time, then once a minute", async () => {
  const { clock, recorder, created, patched, count } = setUp();
  recorder.record(event());
  await settle();
  for (let i = 0; i < 5; i++) {
    await clock.advance(10_000);
    recorder.record(event());
  }
  expect(patched.map(({ body }) => body.series?.count)).toEqual([2]);
  await clock.advance(minute);
  expect(created).toHaveLength(1);
  expect(patched).toEqual([
    {
      path: `/apis/events.k8s.io/v1/namespaces/shop/events/${created[0]?.metadata.name}`,
      body: { series: { count: 2, lastObservedTime: '2026-01-01T00:00:10.000000Z' } },
    },
    {
      path: `/apis/events.k8s.io/v1/namespaces/shop/events/${created[0]?.metadata.name}`,
      body: { series: { count: 6, lastObservedTime: '2026-01-01T00:00:50.000000Z' } },
    },
  ]);
  expect(count('sent')).toBe(1);
  expect(count('merged')).toBe(5);
});

test('a series ends when it is not repeated for six minutes', async () => {
  const { clock, recorder, created } = setUp();
  recorder.record(event());
  await clock.advance(6 * minute);
  recorder.record(event());
  await settle();
  expect(created).toHaveLength(2);
  expect(created[1]).not.toHaveProperty('series');
});

test.each([
  ['of another object', event({}, 'uid-2')],
  ['with another reason', event({ reason: 'Added' })],
  ['of another type', event({ type: 'Warning' })],
  ['with another note', event({ note: 'Removed 3 backends from rsp-1.' })],
])('an event %s is no repeat', async (_, second) => {
  const { recorder, created } = setUp();
  recorder.record(event());
  recorder.record(second);
  await settle();
  expect(created).toHaveLength(2);
});

test('a warning that differs in request ids only is a repeat', async () => {
  const { recorder, created, patched } = setUp();
  const note = (id: string) => `rsp-1 is busy (request ${id}).`;
  recorder.record(event({ type: 'Warning', note: note('5CC7A3F0-1') }));
  await settle();
  recorder.record(event({ type: 'Warning', note: note('9EE2B3F0-2') }));
  await settle();
  expect(created.map((body) => body.note)).toEqual([note('5CC7A3F0-1')]);
  expect(patched).toHaveLength(1);
});

test.each([
  ['1 pod is held for less than the 45 s needed.', '1 pod is held for less than the 60 s needed.'],
  ['web-1 has an invalid weight.', 'web-2 has an invalid weight.'],
])('a warning that differs in anything else is told: %s', async (first, second) => {
  const { recorder, created } = setUp();
  for (const note of [first, second]) recorder.record(event({ type: 'Warning', note }));
  await settle();
  expect(created.map((body) => body.note)).toEqual([first, second]);
});

test('a warning is told however many normal events its object had', async () => {
  const { recorder, created } = setUp();
  for (let n = 0; n < 30; n++) recorder.record(event({ note: `call ${n}` }));
  recorder.record(event({ type: 'Warning', reason: 'HoldTooShort' }));
  await settle();
  expect(created).toHaveLength(26);
  expect(created.at(-1)).toMatchObject({ type: 'Warning', reason: 'HoldTooShort' });
});

test('a warning is told however many warnings of another reason its object had', async () => {
  const { recorder, created } = setUp();
  for (let n = 0; n < 30; n++)
    recorder.record(event({ type: 'Warning', reason: 'InvalidWeight', note: `pod ${n}` }));
  recorder.record(event({ type: 'Warning', reason: 'AccessDenied' }));
  await settle();
  expect(created).toHaveLength(26);
  expect(created.at(-1)).toMatchObject({ reason: 'AccessDenied' });
});

test('new events of one object are limited to 25 and then one in 5 minutes', async () => {
  const { clock, recorder, created, count } = setUp();
  const record = (n: number, uid?: string) => recorder.record(event({ note: `call ${n}` }, uid));
  for (let n = 0; n < 30; n++) record(n);
  record(0, 'uid-2');
  await settle();
  expect(created).toHaveLength(26);
  expect(count('dropped')).toBe(5);
  await clock.advance(5 * minute);
  record(31);
  record(32);
  await settle();
  expect(created).toHaveLength(27);
});

test('memory is bounded: what the outbox has no room for is dropped', async () => {
  const { recorder, faults, count } = setUp();
  faults.push(away());
  for (let n = 0; n < 1_500; n++) recorder.record(event({}, `uid-${n}`));
  await settle();
  expect(count('dropped')).toBe(500);
});

test('an event is tried five times while the API server is away, then dropped', async () => {
  const { clock, recorder, created, faults, count } = setUp();
  faults.push(...Array.from({ length: 5 }, away));
  recorder.record(event());
  recorder.record(event({ reason: 'Added' }));
  await clock.advance(minute);
  expect(count('failed')).toBe(1);
  expect(created).toMatchObject([{ reason: 'Added' }]);
});

test('an event that is refused is not tried again', async () => {
  const { clock, recorder, created, faults, count } = setUp();
  faults.push(apiError(403));
  recorder.record(event());
  await clock.advance(minute);
  expect(count('failed')).toBe(1);
  expect(created).toEqual([]);
});

test('an event is not tried again before the Retry-After of the API server', async () => {
  const { clock, recorder, created, faults } = setUp();
  faults.push(apiError(429, 'TooManyRequests', 20_000));
  recorder.record(event());
  await clock.advance(19_999);
  expect(created).toHaveLength(0);
  await clock.advance(1);
  expect(created).toHaveLength(1);
});

test('an event whose first reply was lost is not doubled', async () => {
  const { clock, recorder, created, faults, count } = setUp();
  faults.push(away(), apiError(409, 'AlreadyExists'));
  recorder.record(event());
  await clock.advance(minute);
  expect(created).toHaveLength(0);
  expect(count('sent')).toBe(1);
  expect(count('failed')).toBe(0);
});

test('a series whose event has expired begins a new one', async () => {
  const { recorder, created, faults } = setUp();
  recorder.record(event());
  await settle();
  faults.push(apiError(404));
  recorder.record(event());
  await settle();
  expect(created).toHaveLength(2);
  expect(created[1]?.series?.count).toBe(2);
});

test('record never throws, not even when what it reports to does', async () => {
  const { clock, recorder, created, faults } = setUp(() => {
    throw new Error('no log');
  });
  faults.push(apiError(403));
  expect(() => recorder.record(undefined as never)).not.toThrow();
  recorder.record(event());
  recorder.record(event({ reason: 'Added' }));
  await clock.advance(minute);
  expect(created).toHaveLength(1);
});

test('flush sends all that waits, counts included', async () => {
  const { clock, recorder, patched } = setUp();
  for (let i = 0; i < 3; i++) {
    recorder.record(event());
    await settle();
  }
  expect(patched.map(({ body }) => body.series?.count)).toEqual([2]);
  await recorder.flush(5_000);
  expect(patched.map(({ body }) => body.series?.count)).toEqual([2, 3]);
  expect(clock.pending).toBe(0);
});

test('flush gives up at its deadline and drops the rest', async () => {
  const { clock, recorder, faults, count } = setUp();
  faults.push(...Array.from({ length: 9 }, away));
  recorder.record(event());
  const flushed = recorder.flush(1_000);
  await clock.advance(1_000);
  await flushed;
  recorder.record(event({ reason: 'Added' }));
  await settle();
  expect(clock.pending).toBe(0);
  expect(count('sent')).toBe(0);
});
