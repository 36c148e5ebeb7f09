/** Hand-written SVG, which browsers and code hosts show without scripts. */
const WIDTH = 720;
const HEIGHT = 320;
const LEFT = 64;
const RIGHT = 150;
const TOP = 36;
const BOTTOM = 48;
const COLOURS = ['#0b6e99', '#c4512d', '#5b8c2a', '#7a4fa3'];

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly label?: string }[];
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly logX?: boolean;
  readonly logY?: boolean;
  readonly joined?: boolean;
  readonly series: readonly Series[];
}

/** Points on linear or logarithmic axes, joined by default. */
export function plot({
  title,
  xLabel,
  yLabel,
  logX = false,
  logY = false,
  joined = true,
  series,
}: Plot): string {
  const all = series.flatMap(({ points }) => points);
  const x = axis(
    all.map((point) => point.x),
    logX,
    LEFT,
    WIDTH - RIGHT,
  );
  const y = axis(
    all.map((point) => point.y),
    logY,
    HEIGHT - BOTTOM,
    TOP,
  );
  const parts = series.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] ?? '';
    const at = points.map((point) => [x.at(point.x), y.at(point.y)] as const);
    const line = at.map(([px, py]) => `${px},${py}`).join(' ');
    const marks = points.map(({ label }, j) => {
      const [px, py] = at[j] ?? [0, 0];
      const text = label === undefined ? '' : `<text x="${px + 7}" y="${py + 4}">${label}</text>`;
      return `<circle cx="${px}" cy="${py}" r="4" fill="${colour}"/>${text}`;
    });
    const legend = `<rect x="${WIDTH - RIGHT + 16}" y="${TOP + i * 20}" width="10" height="10" fill="${colour}"/><text x="${WIDTH - RIGHT + 32}" y="${TOP + 9 + i * 20}">${name}</text>`;
    return `${joined ? `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>` : ''}${marks.join('')}${legend}`;
  });
  const xTicks = x.ticks.map(
    (tick) => `<text x="${x.at(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tick}</text>`,
  );
  const yTicks = y.ticks.map(
    (tick) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(tick)}" y2="${y.at(tick)}" stroke="#8884"/><text x="${LEFT - 8}" y="${y.at(tick) + 4}" text-anchor="end">${tick}</text>`,
  );
  return svg(title, [
    ...yTicks,
    ...xTicks,
    ...parts,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${xLabel}</text>`,
    `<text x="14" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})">${yLabel}</text>`,
  ]);
}

export interface Bars {
  readonly title: string;
  readonly unit: string;
  readonly names: readonly string[];
  readonly rows: readonly { readonly label: string; readonly values: readonly number[] }[];
}

/** Horizontal bars on a logarithmic axis: one group of bars per row, each bar with its value. */
export function bars({ title, unit, names, rows }: Bars): string {
  const left = 190;
  const values = rows.flatMap((row) => row.values).filter((value) => value > 0);
  const scale = axis([1, ...values], true, left, WIDTH - 90);
  const height = 18;
  const parts = rows.map(({ label, values: ofRow }, i) => {
    const top = TOP + 24 + i * (ofRow.length * height + 14);
    const shapes = ofRow.map((value, j) => {
      const end = scale.at(Math.max(1, value));
      const y = top + j * height;
      return `<rect x="${left}" y="${y}" width="${Math.max(1, end - left)}" height="${height - 3}" fill="${COLOURS[j]}"/><text x="${end + 6}" y="${y + 12}">${value} ${unit}</text>`;
    });
    return `<text x="${left - 8}" y="${top + (ofRow.length * height) / 2 + 3}" text-anchor="end">${label}</text>${shapes.join('')}`;
  });
  const legend = names.map(
    (name, j) =>
      `<rect x="${left + j * 150}" y="${TOP}" width="10" height="10" fill="${COLOURS[j]}"/><text x="${left + 16 + j * 150}" y="${TOP + 9}">${name}</text>`,
  );
  const total = TOP + 40 + rows.length * (names.length * height + 14);
  return svg(title, [...legend, ...parts], total);
}

function svg(title: string, parts: readonly string[], height = HEIGHT): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${title}"><rect width="100%" height="100%" fill="#fff"/><text x="16" y="20" font-size="14" font-weight="bold">${title}</text>${parts.join('')}</svg>\n`;
}

/** Maps values to pixels, with ticks at round numbers. */
function axis(values: readonly number[], log: boolean, from: number, to: number) {
  const top = Math.max(...values) * (log ? 1.2 : 1.1);
  const bottom = log ? Math.min(...values.filter((value) => value > 0)) / 1.2 : 0;
  const scaled = (value: number) => (log ? Math.log10(Math.max(value, bottom)) : value);
  const at = (value: number) =>
    Math.round(from + ((scaled(value) - scaled(bottom)) / (scaled(top) - scaled(bottom))) * (to - from));
  return { at, ticks: log ? logTicks(bottom, top) : linearTicks(top) };
}

function logTicks(bottom: number, top: number): readonly number[] {
  const decades = Array.from({ length: 10 }, (_, i) => 10 ** (i - 3));
  return decades.flatMap((decade) => [decade, 3 * decade]).filter((tick) => tick >= bottom && tick <= top);
}

function linearTicks(top: number): readonly number[] {
  const rough = top / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((candidate) => candidate >= rough) ?? rough;
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}
