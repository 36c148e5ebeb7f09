import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** File → name of a test in it, or how it begins, as it is written there. */
type Tests = readonly Readonly<Record<string, string>>[];

/** Page → section → first cell of a row → the tests that show it. */
const shownBy: Record<string, Record<string, Record<string, Tests>>> = parse(read('test/shown-by.yaml'));

/** Pages on which every row of every section has tests. */
const WHOLE = ['docs/behaviour.md', 'docs/reliability.md'];

test.each(Object.entries(shownBy))(
  '%s has the rows that shown-by.yaml has tests for, and no others',
  (page, listed) => {
    const sections = rowsOf(read(page));
    const held = WHOLE.includes(page) ? sections : sections.filter(({ title }) => title in listed);
    expect(held).toEqual(Object.entries(listed).map(([title, rows]) => ({ title, rows: Object.keys(rows) })));
  },
);

test('each row has a test, and each test exists under its name', () => {
  const rows = Object.values(shownBy).flatMap((sections) =>
    Object.values(sections).flatMap(Object.entries<Tests>),
  );
  expect(rows.length).toBeGreaterThan(200);
  const wrong = rows.filter(
    ([, tests]) =>
      tests.length === 0 ||
      tests.flatMap(Object.entries<string>).some(([file, name]) => !hasTest(read(file), name)),
  );
  expect(wrong).toEqual([]);
});

/** Whether a string in the code begins with the name. */
function hasTest(code: string, name: string): boolean {
  return ["'", '"', '`'].some((quote) => code.includes(quote + name));
}

/** For each section with a table or a list of entries, `- **situation**: …`: the first cell of each row, or the situation. */
function rowsOf(markdown: string): { readonly title: string; readonly rows: readonly string[] }[] {
  return markdown
    .split(/^##+ /m)
    .slice(1)
    .map((text) => ({ title: text.split('\n', 1)[0] ?? '', rows: [...cellsOf(text), ...situationsOf(text)] }))
    .filter(({ rows }) => rows.length > 0);
}

/** First cells of the tables with a header. */
function cellsOf(section: string): string[] {
  const tables = [...section.matchAll(/^\| [^|\s].*\n\|-.*\n((?:\|.*\n)*)/gm)].map(([, rows = '']) => rows);
  return [...tables.join('').matchAll(/^\| (.*?) ?\|/gm)].map(([, cell = '']) => cell);
}

/** Of an entry below another one, which it continues, with an ellipsis before it. */
function situationsOf(section: string): string[] {
  const unwrapped = section.replace(/\n +(?=[^\s-])/g, ' ');
  return [...unwrapped.matchAll(/^( *)- \*\*(.+?)\*\*:/gm)].map(
    ([, indent = '', situation = '']) => (indent === '' ? '' : '… ') + situation,
  );
}
