import { readFileSync, writeFileSync } from 'node:fs';

const END = '<!-- end of figures -->';

/** Replaces the text between `<!-- figures: written by COMMAND -->` and its end mark in a page. Throws if a mark is missing. */
export function writeFigures(page: string, command: string, figures: string): void {
  const begin = `<!-- figures: written by ${command} -->`;
  const document = readFileSync(page, 'utf8');
  const from = document.indexOf(begin) + begin.length;
  const to = document.indexOf(END, from);
  if (!document.includes(begin) || to < from) throw new Error(`${page} has lost its marks`);
  writeFileSync(page, `${document.slice(0, from)}\n\n${figures}\n\n${document.slice(to)}`);
}
