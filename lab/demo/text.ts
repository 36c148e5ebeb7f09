import { stripVTControlCharacters, styleText } from 'node:util';

const STYLES = ['bold', 'dim', 'green', 'red', 'yellow', 'cyan'] as const;
type Style = (typeof STYLES)[number];
export type Palette = Readonly<Record<Style, (text: string) => string>>;
export type Align = 'left' | 'right';

/** Colours are for people at a terminal who did not turn them off (no-color.org). */
export function wantsColours(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

export function palette(inColour: boolean): Palette {
  const paint = (style: Style) => (text: string) =>
    inColour ? styleText(style, text, { validateStream: false }) : text;
  return Object.fromEntries(STYLES.map((style) => [style, paint(style)])) as Palette;
}

/** Columns as wide as their widest cell, not counting colour codes. Columns are left-aligned by default. */
export function table(rows: readonly (readonly string[])[], aligns: readonly Align[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, aligns[column] ?? 'left'))
      .join('  ')
      .trimEnd(),
  );
}

export function pad(text: string, width: number, align: Align = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + blanks : blanks + text;
}

export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** `a, b, c and 34 more`; `–` if there are none. */
export function abbreviate(items: readonly string[], shown: number, separator = ', '): string {
  if (items.length === 0) return '–';
  const rest = items.length - shown;
  return rest > 0 ? `${items.slice(0, shown).join(separator)} and ${rest} more` : items.join(separator);
}

/** The lines, or the given number of first and last lines with a note in between. */
export function shorten(lines: readonly string[], first: number, last: number): string[] {
  const hidden = lines.length - first - last;
  // A line that says "1 more" is as long as the one it hides.
  if (hidden <= 1) return [...lines];
  return [...lines.slice(0, first), `… ${hidden} more …`, ...lines.slice(-last)];
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The smallest value that at least this share of the values does not exceed; undefined if there are no values. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function milliseconds(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(1);
}

export function clockTime(epochMs: number): string {
  const date = new Date(epochMs);
  const part = (value: number, digits = 2) => String(value).padStart(digits, '0');
  return `${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}.${part(date.getMilliseconds(), 3)}`;
}
