import { stringify } from 'yaml';
import type { Style, Terminal } from './terminal.ts';

export type Format = 'table' | 'json' | 'yaml';

export interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string | Cell;
}

const GAP = 3;

/** Prints the result as JSON or YAML for programs, or as a table for people. */
export function answer<T>(
  terminal: Terminal,
  format: Format,
  value: unknown,
  table: { readonly rows: readonly T[]; readonly columns: readonly Column<T>[]; readonly empty: string },
): void {
  if (format === 'json') terminal.print(JSON.stringify(value, null, 2));
  else if (format === 'yaml') terminal.print(stringify(value, { aliasDuplicateObjects: false }));
  else if (table.rows.length === 0) terminal.note(table.empty);
  else terminal.print(tableOf(terminal, table.rows, table.columns));
}

function tableOf<T>(terminal: Terminal, rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = rows.map((row) => columns.map(({ cell }) => asCell(cell(row))));
  const lines = [columns.map(({ title }) => ({ text: title })), ...cells] as readonly (readonly Cell[])[];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.text.length ?? 0)));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP, 0);
  const forLast =
    terminal.width === undefined ? Number.POSITIVE_INFINITY : Math.max(20, terminal.width - before);
  return lines.map((line) => lineOf(terminal, line, widths, forLast)).join('\n');
}

/** Padding is added outside the styled text, since escape sequences take no room. The last column is not padded, but cut to fit. */
function lineOf(
  terminal: Terminal,
  line: readonly Cell[],
  widths: readonly number[],
  forLast: number,
): string {
  return line
    .map(({ text, style }, i) => {
      const isLast = i === line.length - 1;
      if (isLast)
        return terminal.styled(text.length > forLast ? `${text.slice(0, forLast - 1)}…` : text, style);
      return terminal.styled(text, style) + ' '.repeat((widths[i] ?? 0) - text.length + GAP);
    })
    .join('')
    .trimEnd();
}

function asCell(cell: string | Cell): Cell {
  const { text, style } = typeof cell === 'string' ? { text: cell, style: undefined } : cell;
  return { text: text === '' ? '-' : text.replace(/\s+/g, ' '), style };
}

/** Formatted like kubectl's ages: 5s, 3m20s, 2h, 4d. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
