import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Gate,
  type GatedPodView,
  type GateInput,
  gateOf,
  type Registration,
} from '../../../../src/membership/readiness/gate.ts';

const NOW = 1_000_000;
const timeoutMs = 600_000;
const waiting = (change: Partial<Extract<Registration, { is: 'waiting' }>> = {}): Registration => ({
  ...{ is: 'waiting', reason: 'Progressing', message: 'web adds it', hasRow: false, timeoutMs },
  ...change,
});
const registered = (ago: number, settleMs = 0): Registration => ({
  is: 'registered',
  since: NOW - ago,
  settleMs,
});
const unknown: Registration = { is: 'unknown', message: 'nothing is known about its group', timeoutMs };
const suspended: Registration = { is: 'exempt', reason: 'Suspended', message: 'binding web is suspended' };

const NEW: GatedPodView = { leaving: false, registrable: true, gate: undefined };
const open = (reason = 'Registered'): Gate => ({ open: true, reason });
const closed = (reason: string): Gate => ({ open: false, reason });

/** `True reason`, `False reason`, or nothing, and after how many milliseconds the gate is checked again. */
function verdict(
  pod: Partial<GatedPodView>,
  registrations: readonly Registration[],
  change: Partial<GateInput> = {},
): readonly (string | number)[] {
  const { gate, until } = gateOf({
    ...{ pod: { ...NEW, ...pod }, registrations, seesAll: true, closedSince: NOW, now: NOW },
    ...change,
  });
  return [
    ...(gate === undefined ? [] : [`${gate.open ? 'True' : 'False'} ${gate.reason}`]),
    ...(until === undefined ? [] : [until - NOW]),
  ];
}

type Case = readonly [
  string,
  Partial<GatedPodView>,
  readonly Registration[],
  Partial<GateInput>,
  readonly (string | number)[],
];
const after = (ms: number) => ({ closedSince: NOW - ms });
const cases: readonly Case[] = [
  ['a pod that leaves keeps its gate', { leaving: true }, [registered(0)], {}, []],
  ['… an open one too', { leaving: true, gate: open() }, [waiting()], {}, []],
  [
    'a pod that is as ready as before keeps it open, though its row is lost',
    { gate: open() },
    [waiting()],
    {},
    [],
  ],
  [
    'a pod whose probe fails loses it with its row',
    { registrable: false, gate: open() },
    [waiting()],
    {},
    ['False Progressing'],
  ],
  ['… not before', { registrable: false, gate: open() }, [waiting({ hasRow: true })], {}, []],
  [
    '… nor while another group has it',
    { registrable: false, gate: open() },
    [waiting(), registered(0)],
    {},
    [],
  ],
  ['… nor while that is not known', { registrable: false, gate: open() }, [waiting(), unknown], {}, []],
  ['… nor if nobody waits for it', { registrable: false, gate: open() }, [suspended], {}, []],
  [
    '… and loses it once its probe fails',
    { registrable: false, gate: open('TimedOut') },
    [waiting()],
    {},
    ['False Progressing'],
  ],
  ['a pod that is not ready is told nothing', { registrable: false }, [waiting()], after(9e9), []],
  ['… even if nobody wants it', { registrable: false }, [], after(1_000), []],
  ['a pod that nobody wants is let in', {}, [], after(1_000), ['True NotWanted']],
  ['… but not before somebody may have been heard of', {}, [], after(400), [600]],
  ['… unless there are bindings that nobody sees', {}, [], { ...after(1_000), seesAll: false }, []],
  ['a pod of a suspended binding is let in', {}, [suspended], {}, ['True Suspended']],
  ['… by those who see that one only, too', {}, [suspended], { seesAll: false }, ['True Suspended']],
  ['a pod in its group is let in', {}, [registered(0)], {}, ['True Registered']],
  ['… once it has settled there', {}, [registered(2_000, 5_000)], {}, [3_000]],
  ['… then', {}, [registered(5_000, 5_000)], {}, ['True Registered']],
  ['a pod in one group of two waits', {}, [registered(0), waiting()], {}, [3_000]],
  [
    'a pod in all groups but an exempt one is let in',
    {},
    [suspended, registered(0)],
    {},
    ['True Registered'],
  ],
  ['a pod that waits is not told so at once', {}, [waiting()], after(1_000), [2_000]],
  ['… but soon', {}, [waiting()], after(3_000), ['False Progressing', timeoutMs - 3_000]],
  ['… once', { gate: closed('Progressing') }, [waiting()], after(4_000), [timeoutMs - 4_000]],
  [
    '… and again for another reason',
    { gate: closed('Progressing') },
    [waiting({ reason: 'QuotaExceeded' })],
    after(4_000),
    ['False QuotaExceeded', timeoutMs - 4_000],
  ],
  ['a pod of a group that was never read waits', {}, [unknown], after(4_000), [timeoutMs - 4_000]],
  ['… though another one is known', {}, [unknown, waiting()], after(4_000), [timeoutMs - 4_000]],
  ['a pod that waits too long is let in', {}, [waiting()], after(timeoutMs), ['True TimedOut']],
  ['… whatever it waits for', {}, [unknown], after(timeoutMs), ['True TimedOut']],
  [
    '… but not before all have had their time',
    {},
    [waiting({ timeoutMs: 10_000 }), waiting({ reason: 'Other' })],
    after(10_000),
    ['False Progressing', timeoutMs - 10_000],
  ],
  [
    '… nor before what is in a group has settled',
    { gate: closed('Progressing') },
    [waiting({ timeoutMs: 1_000 }), registered(0, 5_000)],
    after(timeoutMs),
    [5_000],
  ],
];

test.each(cases)('%s', (_name, pod, registrations, change, expected) => {
  expect(verdict(pod, registrations, change)).toEqual(expected);
});

test('what is waited for is told of each binding, once', () => {
  const registrations = [waiting(), waiting({ message: 'api adds it' }), waiting()];
  const { gate } = gateOf({ pod: NEW, registrations, seesAll: true, closedSince: 0, now: 10_000 });
  expect(gate?.message).toBe('web adds it; api adds it');
});

describe('whatever the wants', () => {
  const ms = fc.integer({ min: 0, max: 20_000 });
  const anyWant: fc.Arbitrary<Registration> = fc.oneof(
    fc.record({
      is: fc.constant('unknown' as const),
      message: fc.constant('not known'),
      timeoutMs: ms,
    }),
    fc.record({
      is: fc.constant('exempt' as const),
      reason: fc.constant('Suspended'),
      message: fc.constant('suspended'),
    }),
    fc.record({
      is: fc.constant('waiting' as const),
      reason: fc.constantFrom('A', 'B'),
      message: fc.constantFrom('a', 'b'),
      hasRow: fc.boolean(),
      timeoutMs: ms,
    }),
    fc.record({
      is: fc.constant('registered' as const),
      since: ms.map((ago) => NOW - ago),
      settleMs: ms,
    }),
  );
  const anyInput: fc.Arbitrary<GateInput> = fc.record({
    pod: fc.record({
      leaving: fc.boolean(),
      registrable: fc.boolean(),
      gate: fc.option(
        fc.record({
          open: fc.boolean(),
          reason: fc.constantFrom('Registered', 'TimedOut', 'A', 'Suspended'),
        }),
        { nil: undefined },
      ),
    }),
    registrations: fc.array(anyWant, { maxLength: 4 }),
    seesAll: fc.boolean(),
    closedSince: ms.map((ago) => NOW - ago),
    now: fc.constant(NOW),
  });
  const always = (holds: (input: GateInput) => void) =>
    fc.assert(fc.property(anyInput, holds), { numRuns: 2_000 });
  const canOpen = ({ pod }: GateInput) => !pod.leaving && pod.registrable && !pod.gate?.open;

  test('a gate opens in the end, of a pod that waits for nothing else', () => {
    always((input) => {
      const unseen = !input.seesAll && input.registrations.length === 0;
      if (canOpen(input))
        expect(gateOf({ ...input, now: NOW + 20_000 }).gate?.open).toBe(unseen ? undefined : true);
    });
  });

  test('it opens as Registered only when the pod has settled in every group that waits for it', () => {
    always((input) => {
      const { gate } = gateOf(input);
      const isIn = (want: Registration) => want.is === 'registered' && want.since + want.settleMs <= NOW;
      const holders = input.registrations.filter(({ is }) => is !== 'exempt');
      const all = canOpen(input) && holders.length > 0 && holders.every(isIn);
      expect(gate?.open === true && gate.reason === 'Registered').toBe(all);
    });
  });

  test('it opens for nothing else while somebody may wait: not before the time-out of each', () => {
    always((input) => {
      const { gate } = gateOf(input);
      const holds = (want: Registration) =>
        (want.is === 'waiting' || want.is === 'unknown') && input.closedSince + want.timeoutMs > NOW;
      if (input.registrations.some(holds)) expect(gate?.open ?? false).toBe(false);
    });
  });

  test('it closes only on a pod that could not be Ready and has no row anywhere', () => {
    always((input) => {
      const { pod, registrations } = input;
      if (!pod.gate?.open || gateOf(input).gate === undefined) return;
      expect(gateOf(input).gate?.open).toBe(false);
      expect([pod.leaving, pod.registrable]).toEqual([false, false]);
      const mayHave = (want: Registration) =>
        want.is === 'unknown' || want.is === 'registered' || (want.is === 'waiting' && want.hasRow);
      expect(registrations.some(mayHave)).toBe(false);
    });
  });

  test('what was written is not written again', () => {
    always((input) => {
      const { gate } = gateOf(input);
      if (gate === undefined) return;
      const turned = gate.open !== (input.pod.gate?.open ?? false);
      const next = { ...input, pod: { ...input.pod, gate }, ...(turned && { closedSince: NOW }) };
      expect(gateOf(next).gate).toBeUndefined();
    });
  });

  test('nothing changes before it is looked at again', () => {
    always((input) => {
      const { gate, until } = gateOf(input);
      if (until !== undefined) expect(until).toBeGreaterThan(NOW);
      // The watch shows what has been written.
      if (gate !== undefined) return;
      const last = Math.min(until ?? Number.POSITIVE_INFINITY, NOW + 50_000) - 1;
      expect(gateOf({ ...input, now: last }).gate).toBeUndefined();
    });
  });
});
