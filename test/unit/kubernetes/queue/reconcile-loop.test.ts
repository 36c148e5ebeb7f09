import { afterEach, expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import {
  outcome,
  type ReconcileFailure,
  ReconcileLoop,
  type ReconcileMetrics,
  type Result,
} from '../../../../src/kubernetes/queue/reconcile-loop.ts';
import { WorkQueue } from '../../../../src/kubernetes/queue/work-queue.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';

interface Call {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly finish: (result: Result) => void;
  readonly fail: (error: unknown) => void;
}

const running: { readonly loop: ReconcileLoop<string>; readonly clock: FakeClock }[] = [];

afterEach(async () => {
  for (const { loop, clock } of running.splice(0)) {
    const stopped = loop.stop(0);
    await clock.advance(0);
    await stopped;
  }
});

function setUp(options: { metrics?: ReconcileMetrics } = {}) {
  const clock = new FakeClock();
  const queue = new WorkQueue<string>({ name: 'bindings', clock, backoff: { jitter: 0 } });
  const calls: Call[] = [];
  const failures: ReconcileFailure<string>[] = [];
  const loop = new ReconcileLoop<string>({
    name: 'binding',
    queue,
    clock,
    reconcile: (key, signal) =>
      new Promise((finish, fail) => {
        calls.push({ key, signal, finish, fail });
      }),
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
  running.push({ loop, clock });
  return { clock, queue, calls, failures, loop };
}

const tooMany = new KubeApiError({ method: 'GET', path: '/' }, 429, {
  reason: 'TooManyRequests',
  message: '',
  causes: [],
  retryAfterMs: 3_000,
});

test.each([
  ['done', { value: 'done' }, { result: 'success', panic: false, next: { do: 'forget' } }],
  [
    'requeueAfterMs',
    { value: { requeueAfterMs: 9 } },
    { result: 'requeue_after', panic: false, next: { do: 'after', ms: 9, priority: 'normal' } },
  ],
  [
    'requeueAfterMs with a priority',
    { value: { requeueAfterMs: 9, priority: 'low' } },
    { result: 'requeue_after', panic: false, next: { do: 'after', ms: 9, priority: 'low' } },
  ],
  [
    'an error',
    { error: new Error('no') },
    { result: 'error', panic: false, next: { do: 'backoff', atLeastMs: 0 } },
  ],
  [
    'an error with Retry-After',
    { error: tooMany },
    { result: 'error', panic: false, next: { do: 'backoff', atLeastMs: 3_000 } },
  ],
  [
    'a programming error',
    { error: new TypeError('x is not a function') },
    { result: 'error', panic: true, next: { do: 'backoff', atLeastMs: 0 } },
  ],
  [
    'what is no error',
    { error: undefined },
    { result: 'error', panic: true, next: { do: 'backoff', atLeastMs: 0 } },
  ],
] as const)('outcome of %s', (_, settled, expected) => {
  expect(outcome(settled)).toEqual(expected);
});

test('never reconciles the same key twice at once, and again after it when it was added meanwhile', async () => {
  const { queue, calls, loop } = setUp();
  loop.start();
  queue.add('a');
  await settle();
  queue.add('a');
  await settle();
  expect(calls.map(({ key }) => key)).toEqual(['a']);
  calls[0]?.finish('done');
  await settle();
  expect(calls.map(({ key }) => key)).toEqual(['a', 'a']);
});

test('reconciles different keys at once, without a cap', async () => {
  const { queue, calls, loop } = setUp();
  loop.start();
  for (let i = 0; i < 200; i++) queue.add(`key-${i}`);
  await settle();
  expect(calls).toHaveLength(200);
});

test('an added key is reconciled within the same turn', async () => {
  const { queue, calls, loop } = setUp();
  loop.start();
  await settle();
  queue.add('a');
  for (let i = 0; i < 3; i++) await Promise.resolve();
  expect(calls).toHaveLength(1);
});

test('a key whose reconcile throws comes back after its back-off, sooner when something changes', async () => {
  const { clock, queue, calls, failures, loop } = setUp();
  loop.start();
  queue.add('a');
  await settle();
  calls[0]?.fail(new Error('no'));
  await clock.advance(4);
  expect(calls).toHaveLength(1);
  await clock.advance(1);
  expect(calls).toHaveLength(2);
  calls[1]?.fail(new Error('no'));
  await settle();
  queue.add('a');
  await settle();
  expect(calls).toHaveLength(3);
  expect(failures.map(({ attempts }) => attempts)).toEqual([1, 2]);
});

test('a success starts the back-off over', async () => {
  const { clock, queue, calls, loop } = setUp();
  loop.start();
  queue.add('a');
  await settle();
  calls[0]?.fail(new Error('no'));
  await clock.advance(5);
  calls[1]?.finish('done');
  await settle();
  expect(queue.numRequeues('a')).toBe(0);
});

test('a key that asks for it comes back after a while', async () => {
  const { clock, queue, calls, loop } = setUp();
  loop.start();
  queue.add('a');
  await settle();
  calls[0]?.finish({ requeueAfterMs: 300_000 });
  await clock.advance(299_999);
  expect(calls).toHaveLength(1);
  await clock.advance(1);
  expect(calls).toHaveLength(2);
});

test('a reconcile that throws at once, and a reporter that throws, do not end the loop', async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue<string>({ name: 'q', clock });
  const seen: string[] = [];
  const loop = new ReconcileLoop<string>({
    name: 'binding',
    queue,
    clock,
    reconcile: (key) => {
      seen.push(key);
      throw new TypeError('x is not a function');
    },
    onFailure: () => {
      throw new Error('no log');
    },
  });
  running.push({ loop, clock });
  loop.start();
  queue.add('a');
  await settle();
  queue.add('b');
  await clock.advance(5);
  expect(seen).toEqual(expect.arrayContaining(['a', 'b']));
  expect(seen.filter((key) => key === 'a')).toHaveLength(2);
});

test('after stop no key is started and those under way may finish', async () => {
  const { clock, queue, calls, loop } = setUp();
  loop.start();
  queue.add('a');
  await settle();
  const stopped = loop.stop(10_000);
  queue.add('c');
  await clock.advance(9_000);
  expect(calls[0]?.signal.aborted).toBe(false);
  calls[0]?.finish('done');
  expect(await stopped).toEqual([]);
  expect(calls.map(({ key }) => key)).toEqual(['a']);
  expect(clock.pending).toBe(0);
});

test('after stop a key that was added while it was worked on is not started again', async () => {
  const { queue, calls, loop } = setUp();
  loop.start();
  queue.add('a');
  await settle();
  queue.add('a');
  const stopped = loop.stop(10_000);
  calls[0]?.finish('done');
  expect(await stopped).toEqual([]);
  expect(calls).toHaveLength(1);
});

test('at the deadline of stop those under way are aborted and named', async () => {
  const { clock, queue, calls, failures, loop } = setUp();
  loop.start();
  queue.add('a');
  queue.add('b');
  await settle();
  calls[1]?.finish('done');
  const stopped = loop.stop(10_000);
  await clock.advance(10_000);
  expect(await stopped).toEqual(['a']);
  expect(calls[0]?.signal.aborted).toBe(true);
  calls[0]?.fail(calls[0].signal.reason);
  await settle();
  expect(failures).toEqual([]);
});

test('all series start at 0 and carry the names and labels of controller-runtime', async () => {
  const metrics = createMetrics({
    version: '1',
    controllers: ['binding'],
    resources: [],
    actions: [],
    backendStates: [],
  });
  const { clock, queue, calls, loop } = setUp({ metrics: metrics.runtime.loop });
  const series = async () => (await metrics.render()).split('\n');
  expect(await series()).toEqual(
    expect.arrayContaining([
      'controller_runtime_reconcile_total{controller="binding",result="success"} 0',
      'controller_runtime_reconcile_total{controller="binding",result="error"} 0',
      'controller_runtime_reconcile_total{controller="binding",result="requeue"} 0',
      'controller_runtime_reconcile_total{controller="binding",result="requeue_after"} 0',
      'controller_runtime_reconcile_errors_total{controller="binding"} 0',
      'controller_runtime_reconcile_panics_total{controller="binding"} 0',
      'controller_runtime_reconcile_time_seconds_bucket{le="+Inf",controller="binding"} 0',
      'controller_runtime_reconcile_time_seconds_sum{controller="binding"} 0',
      'controller_runtime_reconcile_time_seconds_count{controller="binding"} 0',
      'controller_runtime_max_concurrent_reconciles{controller="binding"} +Inf',
      'controller_runtime_active_workers{controller="binding"} 0',
    ]),
  );
  loop.start();
  queue.add('a');
  queue.add('b');
  await clock.advance(2_000);
  calls[0]?.fail(new TypeError('x is not a function'));
  await settle();
  const after = await series();
  expect(after).toEqual(
    expect.arrayContaining([
      'controller_runtime_reconcile_total{controller="binding",result="error"} 1',
      'controller_runtime_reconcile_errors_total{controller="binding"} 1',
      'controller_runtime_reconcile_panics_total{controller="binding"} 1',
      'controller_runtime_reconcile_time_seconds_sum{controller="binding"} 2',
      'controller_runtime_active_workers{controller="binding"} 1',
    ]),
  );
});
