import { expect, test } from '@jest/globals';
import type { Endpoint } from '../../../../lab/demo/observe/endpoint-log.ts';
import type { Call } from '../../../../lab/demo/observe/measure.ts';
import { type StepResult, stepReport, summary, trafficReport, WIDTH } from '../../../../lab/demo/report.ts';
import { palette, widthOf } from '../../../../lab/demo/text.ts';
import { isKept, type TrafficResult } from '../../../../lab/demo/traffic/result.ts';

const plain = palette(false);
const gone: Endpoint = { address: '10.9.0.39', port: 80, pod: 'web-777769bbb7-2gcp5' };
const come: Endpoint = { address: '10.9.0.42', port: 80, pod: 'web-777769bbb7-2qp5m' };

const call = (arrivedAt: number, action: string, code = 'OK'): Call => ({
  arrivedAt,
  action,
  count: 1,
  backends: [],
  code,
  applied: code === 'OK',
});

const result: StepResult = {
  title: 'one pod deleted',
  measured: {
    departures: [{ at: 1_000, endpoint: gone }],
    joined: 1,
    reused: 0,
    delaysMs: [3.14],
    calls: [
      call(1_003.14, 'RemoveVServerGroupBackendServers'),
      call(1_070, 'AddVServerGroupBackendServers', 'VServerGroupProcessing'),
    ],
  },
  changes: [
    { at: 1_000, left: [gone], joined: [], handedOver: [], ready: 0 },
    { at: 1_068, left: [], joined: [come], handedOver: [], ready: 1 },
  ],
  comparison: {
    owned: [
      {
        serverId: 'eni-1',
        serverIp: '10.9.0.42',
        port: 80,
        weight: 100,
        type: 'eni',
        description: 'vsgb/c/demo/web',
      },
    ],
    foreign: [{ serverId: 'i-legacy', serverIp: '', port: 80, weight: 50, type: 'ecs', description: '' }],
    problems: [],
  },
  ready: 1,
  remarks: ['a remark'],
};

test('a step tells who left, when, what it took, and what the group holds', () => {
  const [left, joined, from, ...lines] = stepReport(result, plain);
  expect([left, joined]).toEqual([
    '   left       1  web-777769bbb7-2gcp5 (10.9.0.39)',
    '   joined     1  web-777769bbb7-2qp5m (10.9.0.42)',
  ]);
  expect(from).toMatch(/^ {3}timeline {2}from \d\d:\d\d:01\.000$/);
  expect(lines).toEqual([
    '              0.0 ms  Endpoints  1 left (0 ready)',
    '              3.1 ms  Remove     1 backend',
    '             68.0 ms  Endpoints  1 joined (1 ready)',
    '             70.0 ms  Add        1 backend VServerGroupProcessing',
    '   calls      2  (Add 1, Remove 1); 1 not answered with OK',
    '   delay     3.1 ms from the event to the arrival of the call',
    '             a remark',
    '   group     2 backends: 1 of the binding at weight 100, 1 foreign  ✓ equal to the cluster (1 ready)',
    '             10.9.0.42:80',
    '             i-legacy:80 ×50 foreign',
  ]);
});

test('a group that is not equal to the cluster says how', () => {
  const problems = ['10.9.0.42:80 has weight 0 instead of 100'];
  const text = stepReport({ ...result, comparison: { ...result.comparison, problems } }, plain);
  expect(text.at(-4)).toContain('✗ not equal to the cluster');
  expect(text.at(-1)).toBe('             10.9.0.42:80 has weight 0 instead of 100');
});

test('the summary has a line a step, aligned, within the width of the headings', () => {
  const lines = summary([result, { ...result, title: 'node drained, deleted' }], plain);
  expect(lines).toEqual([
    '   step                   left  joined  calls  Remove  Set weight  Add  other  p50 ms  max ms',
    '   one pod deleted           1       1      2       1           –    1      –     3.1     3.1  ✓',
    '   node drained, deleted     1       1      2       1           –    1      –     3.1     3.1  ✓',
  ]);
  for (const line of summary([result], palette(true))) expect(widthOf(line)).toBeLessThanOrEqual(WIDTH);
});

const withHelp = (failed: number, requests = 1680): TrafficResult[] => [
  { variant: 'operator alone', counts: [{ propagation: 10, requests: 759, failed: 334 }] },
  { variant: 'gate and hold', counts: [{ propagation: 10, requests, failed }] },
];

test('what failed under traffic stands side by side', () => {
  expect(trafficReport(withHelp(0), plain)).toEqual([
    '   failed requests     at 10 s',
    '   operator alone   334 of 759',
    '   gate and hold     0 of 1680',
  ]);
});

test.each([
  ['no request failed', withHelp(0), true],
  ['one failed', withHelp(1), false],
  ['there was none', withHelp(0, 0), false],
  ['nothing was measured', [], false],
])('gate and hold keep what they promise: %s', (_, results, kept) => {
  expect(isKept(results)).toBe(kept);
});
