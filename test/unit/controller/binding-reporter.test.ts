import { expect, test } from '@jest/globals';
import { BindingReporter } from '../../../src/controller/binding-reporter.ts';
import { trimBinding } from '../../../src/controller/cluster-caches.ts';
import { FakeClock } from '../../fake-clock.ts';

const CONDITIONS = [
  { type: 'Ready', status: 'True', reason: 'Synced', message: 'all is well.' },
  { type: 'Reconciling', status: 'True', reason: 'Progressing', message: 'more is to come.' },
].map((condition) => ({
  ...condition,
  observedGeneration: 1,
  lastTransitionTime: '2025-12-31T00:00:00Z',
}));

/** A binding whose weight cannot be read. */
function invalid(generation: number, status?: object) {
  return trimBinding({
    metadata: { namespace: 'shop', name: 'web', uid: 'uid-1', resourceVersion: '7', generation },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, weight: 101 + generation },
    ...(status && { status }),
  });
}

function setUp() {
  const clock = new FakeClock();
  const parts: unknown[] = [];
  const events: string[] = [];
  const status = {
    write: () => {
      throw new Error('the whole status is not to be written');
    },
    writeConditions: (_: unknown, part: unknown) => void parts.push(part),
  };
  const record = ({ type, reason, note }: { type: string; reason: string; note: string }) =>
    void events.push(`${type} ${reason}: ${note}`);
  return { clock, parts, events, reporter: new BindingReporter(status, { record }, clock) };
}

test('a spec that cannot be read: Ready is False and Stalled True from now on, with an event of the same words', () => {
  const { reporter, parts, events } = setUp();
  reporter.reportInvalid(invalid(2, { observedGeneration: 1, conditions: CONDITIONS, desired: 3 }));
  const message =
    "shop/web can't be read, and its group is left as it is: spec.weight: Too big: expected number to be <=100. Correct the spec.";
  const said = { reason: 'InvalidSpec', message, observedGeneration: 2 };
  const at = { lastTransitionTime: '2026-01-01T00:00:00Z' };
  expect(parts).toEqual([
    {
      observedGeneration: 2,
      conditions: [
        { type: 'Ready', status: 'False', ...said, ...at },
        { type: 'Stalled', status: 'True', ...said, ...at },
      ],
    },
  ]);
  expect(events).toEqual([`Warning InvalidSpec: ${message}`]);
});

test('told again, it keeps its time and makes no other event', async () => {
  const { clock, reporter, parts, events } = setUp();
  reporter.reportInvalid(invalid(1));
  await clock.advance(60_000);
  reporter.reportInvalid(invalid(2));
  expect(parts).toMatchObject([
    { observedGeneration: 1, conditions: [{ lastTransitionTime: '2026-01-01T00:00:00Z' }, {}] },
    { observedGeneration: 2, conditions: [{ lastTransitionTime: '2026-01-01T00:00:00Z' }, {}] },
  ]);
  expect(events).toHaveLength(1);
});

test('another operator that takes over keeps the times that the status has', async () => {
  const { reporter, parts } = setUp();
  const { reporter: next, parts: after, clock } = setUp();
  reporter.reportInvalid(invalid(2));
  await clock.advance(60_000);
  next.reportInvalid(invalid(2, parts[0] as object));
  expect(after).toEqual(parts);
});

test('a spec that can be read is nothing to tell', () => {
  const { reporter, parts, events } = setUp();
  const metadata = { namespace: 'shop', name: 'web', uid: 'uid-1', resourceVersion: '7', generation: 1 };
  const spec = { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 } };
  reporter.reportInvalid(trimBinding({ metadata, spec }));
  expect([parts, events]).toEqual([[], []]);
});
