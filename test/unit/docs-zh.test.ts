import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commandsOf } from '../documented-commands.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const translated = readdirSync(join(ROOT, 'docs/zh'));

/** Only the words may differ: a change made to only one of the two pages is found here. */
const pairs = [
  { english: 'README.md', chinese: 'README.zh-CN.md', there: 'README.zh-CN.md', back: 'README.md' },
  ...translated.map((name) => ({
    english: `docs/${name}`,
    chinese: `docs/zh/${name}`,
    there: `zh/${name}`,
    back: `../${name}`,
  })),
];

describe.each(pairs)('$chinese', ({ english, chinese, there, back }) => {
  const [original, translation] = [withoutFigures(read(english)), withoutFigures(read(chinese))];

  test('and the English page lead to each other at the top', () => {
    expect(original.split('\n')[2]).toBe(`English | [简体中文](${there})`);
    expect(translation.split('\n')[2]).toBe(`[English](${back}) | 简体中文`);
  });

  test('has the headings of the English page: as many, of the same levels', () => {
    expect(headingLevels(translation)).toEqual(headingLevels(original));
  });

  test('has its commands, with the same marks', () => {
    expect(commandsOf(translation)).toEqual(commandsOf(original));
  });

  test('has its blocks of code, but for the comments in them', () => {
    expect(codeBlocks(translation)).toEqual(codeBlocks(original));
  });

  test('quotes the same messages', () => {
    expect(quotes(translation)).toEqual(quotes(original));
  });

  test('names the same reasons, fields, flags and files', () => {
    expect([...new Set(inlineCode(translation))].sort()).toEqual([...new Set(inlineCode(original))].sort());
  });

  test('has no number that the English page has not', () => {
    const left = numbers(original);
    const stale = numbers(translation).filter((number) => {
      const at = left.indexOf(number);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
    expect(stale).toEqual([]);
  });

  test('has its tables, with the same names in each row', () => {
    expect(tableRows(translation)).toEqual(tableRows(original));
  });
});

test('the Chinese README leads to every Chinese page', () => {
  const readme = read('README.zh-CN.md');
  expect(translated.filter((name) => !readme.includes(`](docs/zh/${name})`))).toEqual([]);
});

/** Programs write figures into the English pages; the Chinese pages link to them. */
function withoutFigures(markdown: string): string {
  return markdown.replace(/^<!-- figures: .*?^<!-- end of figures -->$/gms, '');
}

function headingLevels(markdown: string): number[] {
  return [...withoutBlocks(markdown).matchAll(/^(#+) /gm)].map(([, marks = '']) => marks.length);
}

function codeBlocks(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^ *```.*?^ *```$/gms)].map(([block]) => block);
  return blocks.map((block) => block.replace(/(^|\s+)# .*$/gm, ''));
}

function quotes(markdown: string): string[] {
  return markdown.match(/^> .*$/gm) ?? [];
}

function inlineCode(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** Versions, limits and defaults, in text and in code. */
function numbers(markdown: string): string[] {
  const text = markdown.replace(/\]\([^)]*\)/g, ']');
  return [...text.matchAll(/(?<![\w.,-])\d+(?:[.,]\d+)*(?!\w)/g)].map(([number]) => number);
}

/** For each row the number of cells and the code in it; the code is sorted, because word order depends on the language. */
function tableRows(markdown: string): unknown[] {
  const rows = withoutBlocks(markdown).match(/^\|.*\|$/gm) ?? [];
  return rows.map((row) => ({
    cells: row.split(/(?<!\\)\|/).length - 2,
    code: inlineCode(row).sort(),
  }));
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^ *```.*?^ *```$/gms, '');
}
