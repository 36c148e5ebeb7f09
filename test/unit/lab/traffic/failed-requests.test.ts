import { expect, test } from '@jest/globals';
import { type FailedRequest, failureLines } from '../../../../lab/traffic/report/failed-requests.ts';

const BEGINNING = Date.parse('2026-01-01T00:00:00Z');

function failed(second: number): FailedRequest {
  return {
    at: BEGINNING + second * 1000,
    url: 'http://127.0.0.1:80/',
    latencyMs: 100,
    failure: 'reset',
    error: 'EOF',
    sentTo: 'eni, 2 s, new',
    listener: 'lb-1/tcp:80',
  };
}

function seen(second: number, listener: string, retried = false) {
  const row = {
    serverId: 'eni-a',
    serverIp: '10.0.0.1',
    port: 8080,
    weight: 100,
    type: 'eni',
    description: '',
  } as const;
  const at = BEGINNING + second * 1000;
  return { at, listener, machine: 2, cause: 'refused', row, believedWeight: 100, retried } as const;
}

const NOTHING = { beginning: BEGINNING, failures: [], marks: [] };

test('a failed request is told with what its load balancer saw then, and what was just before', () => {
  const failures = [
    seen(10.01, 'lb-1/tcp:80'),
    seen(10.05, 'lb-1/tcp:80', true),
    seen(10.06, 'lb-1/tcp:81'),
    seen(10.07, 'lb-1/tcp:80'),
  ];
  const marks = [
    { at: 7, kind: 'pod ready' },
    { at: 9.5, kind: 'row removed' },
    { at: 11, kind: 'pod gone' },
  ] as const;
  expect(failureLines([failed(10)], { beginning: BEGINNING, failures, marks })).toEqual([
    '10.000 s, ended 10.100 s: eni, 2 s, new: reset (EOF); ' +
      'load balancer: 10.070 s refused at eni-a 10.0.0.1:8080, machine 2, weight 100 there, not in the group any more; ' +
      'before: 9.500 s row removed',
  ]);
});

test('where nobody saw anything, that is told', () => {
  expect(failureLines([failed(3)], NOTHING)).toEqual([
    '3.000 s, ended 3.100 s: eni, 2 s, new: reset (EOF); load balancer: saw nothing; before: nothing',
  ]);
});

test('few are told in the order they were sent in, many not', () => {
  const count = (n: number) => Array.from({ length: n }, (_, i) => failed(n - i));
  const lines = failureLines(count(20), NOTHING);
  expect(lines.map((line) => Number.parseFloat(line))).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(failureLines(count(21), NOTHING)).toEqual([]);
});
