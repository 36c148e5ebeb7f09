import { expect, test } from '@jest/globals';
import { type Kept, merge, outcomeTable, rowsOf, sideBySide } from '../../../../lab/traffic/report/report.ts';
import { timelineSvg } from '../../../../lab/traffic/report/timeline-svg.ts';
import type { Outcome } from '../../../../lab/traffic/run.ts';

const outcome: Outcome = {
  scenario: 'rollout-1',
  variant: 'operator alone',
  what: 'rolling update of 1 replica',
  seconds: 40,
  measured: [
    { backends: 'eni', propagation: 0, load: 'new', requests: 99, failed: 0, causes: {} },
    {
      backends: 'eni',
      propagation: 2,
      load: 'new',
      requests: 100,
      failed: 3,
      causes: { reset: 2, timeout: 1 },
    },
    { backends: 'ecs-local', propagation: 10, load: 'new', requests: 50, failed: 1, causes: { reset: 1 } },
  ],
  failures: [],
  timeline: {
    title: 'rollout-1 <b>',
    duration: 10,
    panels: [{ title: 'eni, 0 s', seconds: [{ second: 1, requests: 10, failed: { reset: 4 } }] }],
    marks: [{ at: 2, kind: 'pod terminating' }],
    acts: [{ at: 1, what: 'begins' }],
  },
};

test('each way to fill the group has a line, with what failed at each propagation and why', () => {
  expect(rowsOf([outcome])).toEqual([
    ['rollout-1', 'operator alone', 'eni', 'new', '0/99', '3/100, 1 timeout', '–'],
    ['rollout-1', 'operator alone', 'ecs-local', 'new', '–', '–', '1/50'],
  ]);
  expect(outcomeTable([outcome]).split('\n')).toHaveLength(3);
});

test('variants of a scenario stand side by side, by way to fill the group and load', () => {
  const helped = { ...outcome, variant: 'helped', measured: outcome.measured.slice(2) };
  expect(sideBySide([outcome, helped])).toEqual([
    [
      'backends, load',
      '[operator alone](traffic/rollout-1-operator-alone.svg)',
      '[helped](traffic/rollout-1-helped.svg)',
    ],
    ['eni, new', '0/3/– (99–100), 0/1/– timeout', '–'],
    ['ecs-local, new', '–/–/1 (50)', '–/–/1 (50)'],
  ]);
});

test('a drawing shows each second, how many failed, and when what happened', () => {
  const svg = timelineSvg(outcome.timeline);
  expect(svg).toContain('rollout-1 &lt;b>');
  expect(svg).toContain('eni, 0 s: 4 of 10 failed');
  // 4 of 10 requests are two fifths of the panel's height.
  expect(svg).toContain('height="28" fill="#c4512d"');
  expect(svg).toContain('height="42" fill="#9aa5ad"');
  expect(svg).toContain('>begins<');
});

test('what was measured anew takes its place among the figures there are', () => {
  const kept = (scenario: string, variant: string, date: string) =>
    ({ scenario, variant, date, what: '', seconds: 1, measured: [] }) satisfies Kept;
  const former = [kept('drain', 'alone', '1'), kept('gone', 'alone', '1'), kept('oom', 'alone', '1')];
  const latter = [kept('drain', 'helped', '2'), kept('drain', 'alone', '2')];
  const order = [kept('drain', 'alone', ''), kept('drain', 'helped', ''), kept('oom', 'alone', '')];
  expect(merge(former, latter, order).map((one) => [one.scenario, one.variant, one.date])).toEqual([
    ['drain', 'alone', '2'],
    ['drain', 'helped', '2'],
    ['oom', 'alone', '1'],
  ]);
});
