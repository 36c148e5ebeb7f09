import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { age, answer, type Column, type Format } from '../../../../src/plugin/output/table.ts';
import { Terminal } from '../../../../src/plugin/output/terminal.ts';

interface Screen {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

function screen({ columns, env = {} }: Screen = {}) {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) =>
    Object.assign(
      new Writable({
        write(chunk, _, done) {
          written[name] += String(chunk);
          done();
        },
      }),
      columns === undefined ? {} : { isTTY: true, columns },
    );
  return { written, terminal: new Terminal({ stdout: into('stdout'), stderr: into('stderr'), env }) };
}

interface Fruit {
  readonly name: string;
  readonly colour: string;
}
const columns: readonly Column<Fruit>[] = [
  { title: 'NAME', cell: ({ name }) => ({ text: name, style: 'good' }) },
  { title: 'COLOUR', cell: ({ colour }) => colour },
];
const fruit: readonly Fruit[] = [
  { name: 'pear', colour: 'green' },
  { name: 'banana', colour: '' },
];

function shown(format: Format, rows: readonly Fruit[], on: Screen = {}) {
  const { written, terminal } = screen(on);
  answer(terminal, format, rows, { rows, columns, empty: 'no fruit' });
  return written;
}

describe('answers', () => {
  test('a table is aligned, shows what is empty as a dash, and ends its lines without spaces', () => {
    expect(shown('table', fruit).stdout).toBe('NAME     COLOUR\npear     green\nbanana   -\n');
  });

  test('an empty table is a sentence on standard error', () => {
    expect(shown('table', [])).toEqual({ stdout: '', stderr: 'no fruit\n' });
  });

  test('json and yaml hold the same as it is, empty or not', () => {
    expect(JSON.parse(shown('json', fruit).stdout)).toEqual(fruit);
    expect(shown('json', [])).toEqual({ stdout: '[]\n', stderr: '' });
    expect(shown('yaml', fruit).stdout).toBe('- name: pear\n  colour: green\n- name: banana\n  colour: ""\n');
  });

  test('colours are for terminals, and not for those who want none; they do not shift columns', () => {
    const green = (text: string) => `\u001b[32m${text}\u001b[0m`;
    expect(shown('table', fruit, { columns: 80 }).stdout).toBe(
      `NAME     COLOUR\n${green('pear')}     green\n${green('banana')}   -\n`,
    );
    expect(shown('table', fruit, { columns: 80, env: { NO_COLOR: '1' } }).stdout).not.toContain('\u001b');
    expect(shown('table', fruit).stdout).not.toContain('\u001b');
  });

  test('the last column is cut to fit a terminal, and whole in a file', () => {
    const long = [{ name: 'pear', colour: 'green '.repeat(20).trim() }];
    const [, line = ''] = shown('table', long, { columns: 40, env: { NO_COLOR: '1' } }).stdout.split('\n');
    expect(line).toHaveLength(40);
    expect(line.endsWith('…')).toBe(true);
    expect(shown('table', long).stdout).toContain(long[0]!.colour);
  });
});

describe('progress', () => {
  test('a terminal shows one line that changes; a file a line for each change', () => {
    const lines = (on: Screen) => {
      const { written, terminal } = screen(on);
      for (const text of ['0 of 2', '0 of 2', '1 of 2']) terminal.progress(text);
      terminal.note('done');
      return written.stderr;
    };
    expect(lines({})).toBe('0 of 2\n1 of 2\ndone\n');
    expect(lines({ columns: 80 })).toBe('\r\u001b[K0 of 2\r\u001b[K1 of 2\ndone\n');
  });
});

test.each([
  [-5_000, '0s'],
  [119_000, '119s'],
  [200_000, '3m20s'],
  [600_000, '10m'],
  [3 * 3_600_000, '3h'],
  [4 * 86_400_000, '4d'],
])('%d ms ago is %s', (ms, expected) => {
  expect(age(ms)).toBe(expected);
});
