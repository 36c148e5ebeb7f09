import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLogger, type LoggerOptions } from '../../../src/observability/logger.ts';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(...String(chunk).trimEnd().split('\n'));
      done();
    },
  });
  return { lines, log: createLogger({ level: 'info', format: 'json', stream, ...options }) };
}

const first = (lines: string[]) => JSON.parse(lines[0] ?? '{}');

test('a line is one JSON object with time, level, message and the fields, in that order', () => {
  const { lines, log } = capture();
  log.info('Backends removed', { group: 'rsp-1', count: 2 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info","message":"Backends removed","group":"rsp-1","count":2\}$/,
  );
});

test('a text of several lines stays one line', () => {
  const { lines, log } = capture();
  log.info('a\nb', { c: 'd\ne' });
  expect(lines).toHaveLength(1);
});

test('fields cannot replace time, level and message', () => {
  const { lines, log } = capture();
  // @ts-expect-error the compiler refuses them, too
  log.info('right', { message: 'wrong', level: 'error', time: 0 });
  expect(first(lines)).toMatchObject({ level: 'info', message: 'right' });
});

test('debug is off unless asked for', () => {
  const { lines, log } = capture();
  log.debug('x');
  expect(lines).toEqual([]);
});

test('an error is its sentence with its causes; its stack comes with level error', () => {
  const { lines, log } = capture();
  const error = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  log.warn('a', { error });
  log.error('b', { error });
  expect(first(lines).error).toBe('TypeError: fetch failed: connect ECONNREFUSED');
  expect(first(lines)).not.toHaveProperty('stack');
  expect(JSON.parse(lines[1] ?? '').stack).toContain('logger.test.ts');
});

test('text is for terminals', () => {
  const { lines, log } = capture({ format: 'text' });
  log.warn('Backends held', { group: 'rsp-1', reason: 'two words', list: [1] });
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} WARN {2}Backends held {2}group=rsp-1 reason="two words" list=\[1\]$/,
  );
});

test('nothing that can be logged makes it throw', () => {
  const { lines, log } = capture();
  const cycle: Record<string, unknown> = { big: 10n, date: new Date(Number.NaN), f: () => 1, s: Symbol('s') };
  cycle['self'] = cycle;
  log.info('odd', { cycle, long: Array.from({ length: 1000 }, () => 1), none: undefined, null: null });
  expect(first(lines).long).toHaveLength(100);
});

test('no secret gets into message, fields, errors or stacks', () => {
  const { lines, log } = capture({ level: 'debug' });
  const secret = 'LTAI5tSecretSecretSecret';
  log.error(`for ${secret}`, {
    error: new Error(`AccessKeyId=${secret}&Signature=abc`),
    accessKeySecret: 'hush',
  });
  expect(lines.join()).not.toMatch(/LTAI|hush|abc/);
});
