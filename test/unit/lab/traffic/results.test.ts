import { expect, test } from '@jest/globals';
import { bySecond, parseResults, tally } from '../../../../lab/traffic/load/results.ts';

const BEGINNING = Date.parse('2026-01-01T00:00:00Z');

function line(second: number, code: number, error = ''): string {
  return JSON.stringify({
    attack: '',
    seq: 0,
    code,
    timestamp: new Date(BEGINNING + second * 1000).toISOString(),
    latency: 2_500_000,
    bytes_in: 0,
    error,
    method: 'GET',
    url: 'http://127.0.0.1:80/',
  });
}

test('a request that was answered did not fail, and has its latency in milliseconds', () => {
  expect(parseResults(`${line(1, 200)}\n`)).toEqual([
    { at: BEGINNING + 1000, url: 'http://127.0.0.1:80/', latencyMs: 2.5, failure: undefined, error: '' },
  ]);
});

test.each([
  [0, 'Get "http://127.0.0.1:1/": EOF', 'reset'],
  [
    0,
    'Get "http://127.0.0.1:1/": read tcp 127.0.0.1:5->127.0.0.1:1: read: connection reset by peer',
    'reset',
  ],
  [0, 'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused', 'refused'],
  [
    0,
    'Get "http://127.0.0.1:1/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    'timeout',
  ],
  [0, 'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: i/o timeout', 'timeout'],
  [502, '502 Bad Gateway', 'status'],
  [200, 'unexpected EOF', 'reset'],
])('status %s with the error "%s" is a failure by %s', (code, error, cause) => {
  expect(parseResults(line(0, code, error))[0]?.failure).toBe(cause);
});

test('requests are counted by the second in which they were sent', () => {
  const results = parseResults([line(0.2, 200), line(0.9, 0, 'EOF'), line(2.1, 503, '503')].join('\n'));
  expect(bySecond(results, BEGINNING)).toEqual([
    { second: 0, requests: 2, failed: { reset: 1 } },
    { second: 2, requests: 1, failed: { status: 1 } },
  ]);
  expect(tally(results)).toEqual({ requests: 3, failed: 2, causes: { reset: 1, status: 1 } });
});
