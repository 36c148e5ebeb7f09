import { readFileSync, writeFileSync } from 'node:fs';

const END = '<!-- end of figures -->';

/** Replaces what a page has between `<!-- figures: written by COMMAND -->` and the mark of their end. Throws where it has lost them. */
export function writeFigures(page: string, command: string, figures: string): void {
  const begin = `<!-- figures: written by ${command} -->`;
  const document = readFileSync(page, 'utf8');
  const from = document.indexOf(begin) + begin.length;
  const to = document.indexOf(END, from);
  if (!document.includes(begin) || to < from) throw new Error(`${page} has lost its marks`);
  writeFileSync(page, `${document.slice(0, from)}\n\n${figures}\n\n${document.slice(to)}`);
}
