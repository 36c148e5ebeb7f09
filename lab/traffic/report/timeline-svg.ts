import { CAUSES, type FailureCause, type Second } from '../load/results.ts';

/** The requests of one listener, second by second. */
export interface Panel {
  readonly title: string;
  readonly seconds: readonly Second[];
}

export interface Mark {
  /** Seconds since the beginning, as a fraction. */
  readonly at: number;
  readonly kind: MarkKind;
}

/** What is drawn below the requests, one line per kind. */
export const MARK_KINDS = [
  'pod ready',
  'pod terminating',
  'pod not ready',
  'pod gone',
  'row added',
  'row weight 0',
  'row removed',
] as const;
export type MarkKind = (typeof MARK_KINDS)[number];

export interface Timeline {
  readonly title: string;
  /** Seconds. */
  readonly duration: number;
  readonly panels: readonly Panel[];
  readonly marks: readonly Mark[];
  /** What the scenario did, and when. */
  readonly acts: readonly { readonly at: number; readonly what: string }[];
}

const WIDTH = 760;
const LEFT = 110;
const RIGHT = 16;
const TOP = 52;
const PANEL = 70;
const GAP = 26;
const LINE = 15;
const COLOURS: Readonly<Record<FailureCause, string>> = {
  refused: '#7a4fa3',
  reset: '#c4512d',
  timeout: '#0b6e99',
  status: '#c99a2e',
};
const ANSWERED = '#9aa5ad';

/** A panel for each listener with its requests and failures, and below them what happened to pods and rows. */
export function timelineSvg({ title, duration, panels, marks, acts }: Timeline): string {
  const x = (second: number) => round(LEFT + (second / duration) * (WIDTH - LEFT - RIGHT));
  const panelTop = (index: number) => TOP + index * (PANEL + GAP);
  const marksTop = panelTop(panels.length) + 4;
  const height = marksTop + MARK_KINDS.length * LINE + 34;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11" role="img" aria-label="${escaped(title)}">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text x="16" y="20" font-size="14" font-weight="bold">${escaped(title)}</text>`,
    legend(),
    ...panels.map((panel, i) => drawPanel(panel, panelTop(i), duration, x)),
    ...MARK_KINDS.map((kind, i) => drawMarks(kind, marks, marksTop + i * LINE, x)),
    ...acts.map(({ at, what }) => drawAct(x(at), what, height - 32)),
    drawSeconds(duration, x, height - 8),
    '</svg>\n',
  ].join('\n');
}

function legend(): string {
  const entries: readonly [string, string][] = [
    ['answered', ANSWERED],
    ...CAUSES.map((cause): [string, string] => [cause, COLOURS[cause]]),
  ];
  return entries
    .map(([name, colour], i) => {
      const left = LEFT + i * 90;
      return `<rect x="${left}" y="30" width="10" height="10" fill="${colour}"/><text x="${left + 14}" y="39">${name}</text>`;
    })
    .join('');
}

function drawPanel(
  { title, seconds }: Panel,
  top: number,
  duration: number,
  x: (second: number) => number,
): string {
  const most = Math.max(1, ...seconds.map(({ requests }) => requests));
  const width = Math.max(1, round((WIDTH - LEFT - RIGHT) / duration - 0.5));
  const bottom = top + PANEL;
  const bars = seconds.map(({ second, requests, failed }) => {
    const bar = (from: number, count: number, colour: string) => {
      const [low, high] = [round((from / most) * PANEL), round(((from + count) / most) * PANEL)];
      return `<rect x="${x(second)}" y="${round(bottom - high)}" width="${width}" height="${round(high - low)}" fill="${colour}"/>`;
    };
    let from = 0;
    const parts: string[] = [];
    for (const cause of CAUSES) {
      const count = failed[cause] ?? 0;
      if (count > 0) parts.push(bar(from, count, COLOURS[cause]));
      from += count;
    }
    if (requests > from) parts.push(bar(from, requests - from, ANSWERED));
    return parts.join('');
  });
  const failed = seconds.reduce((sum, second) => sum + sumOf(second.failed), 0);
  const requests = seconds.reduce((sum, second) => sum + second.requests, 0);
  return [
    `<text x="${LEFT}" y="${top - 5}">${escaped(title)}: ${failed} of ${requests} failed</text>`,
    `<text x="${LEFT - 6}" y="${top + 9}" text-anchor="end">${most}/s</text>`,
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}" stroke="#8888"/>`,
    ...bars,
  ].join('');
}

function sumOf(failed: Second['failed']): number {
  return Object.values(failed).reduce((sum, count) => sum + count, 0);
}

function drawMarks(
  kind: MarkKind,
  marks: readonly Mark[],
  top: number,
  x: (second: number) => number,
): string {
  const colour = kind.startsWith('pod') ? '#5b8c2a' : '#0b6e99';
  const ticks = marks
    .filter((mark) => mark.kind === kind)
    .map(({ at }) => `<rect x="${x(at)}" y="${top}" width="2" height="${LINE - 4}" fill="${colour}"/>`);
  return `<text x="${LEFT - 6}" y="${top + 9}" text-anchor="end">${kind}</text>${ticks.join('')}`;
}

function drawAct(x: number, what: string, bottom: number): string {
  const atEnd = x > WIDTH - 200;
  return `<line x1="${x}" x2="${x}" y1="${TOP - 4}" y2="${bottom}" stroke="#333" stroke-dasharray="3 3"/><text x="${atEnd ? x - 4 : x + 4}" y="${bottom + 9}" text-anchor="${atEnd ? 'end' : 'start'}">${escaped(what)}</text>`;
}

function drawSeconds(duration: number, x: (second: number) => number, y: number): string {
  const step = duration > 90 ? 20 : 10;
  return Array.from({ length: Math.floor(duration / step) + 1 }, (_, i) => i * step)
    .map((second) => `<text x="${x(second)}" y="${y}" text-anchor="middle">${second} s</text>`)
    .join('');
}

function round(value: number): number {
  return Number(value.toFixed(1));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
