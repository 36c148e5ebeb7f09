export type Row = string;

/** One line of a Markdown table. A vertical bar inside a cell would end the cell. */
export function row(...cells: string[]): Row {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

export function table(head: string[], rows: Row[]): string {
  return [row(...head), `|${head.map(() => '---').join('|')}|`, ...rows].join('\n');
}
