import { type Comparison, rowName } from './observe/compare.ts';
import type { EndpointChange } from './observe/endpoint-log.ts';
import { type Call, countByAction, type Measured, shortName } from './observe/measure.ts';
import {
  abbreviate,
  clockTime,
  milliseconds,
  type Palette,
  pad,
  plural,
  quantile,
  shorten,
  table,
} from './text.ts';
import type { TrafficResult } from './traffic/result.ts';

export interface StepResult {
  readonly title: string;
  readonly measured: Measured;
  readonly changes: readonly EndpointChange[];
  readonly comparison: Comparison;
  readonly ready: number;
  /** Further remarks for the report. */
  readonly remarks: readonly string[];
}

export const WIDTH = 96;
const INDENT = '   ';
const LABEL_WIDTH = 10;
const NAMES_SHOWN = 2;
const ROWS_SHOWN = 4;
const TIMELINE = { first: 6, last: 2 };

export function heading(title: string, { bold, cyan }: Palette): string {
  return `\n${cyan('──')} ${bold(title)} ${cyan('─'.repeat(Math.max(2, WIDTH - title.length - 4)))}`;
}

export function line(label: string, text: string, { dim }: Palette): string {
  return `${INDENT}${dim(pad(label, LABEL_WIDTH))}${text}`;
}

export function stepReport(result: StepResult, colours: Palette): string[] {
  const { measured, changes, remarks } = result;
  const say = (label: string, text: string) => line(label, text, colours);
  return [
    ...(measured.departures.length > 0 ? [say('left', whoLeft(measured))] : []),
    ...(measured.reused > 0 ? [say('reused', reusedSentence(measured.reused))] : []),
    ...(measured.joined > 0 ? [say('joined', whoJoined(changes))] : []),
    ...timeline(measured, changes).map((text, index) => say(index === 0 ? 'timeline' : '', text)),
    say('calls', callsSentence(measured.calls)),
    ...(measured.departures.length > 0 ? [say('delay', delaySentence(measured))] : []),
    ...remarks.map((remark) => say('', remark)),
    ...groupReport(result, colours),
  ];
}

function groupReport(
  { comparison, ready }: Pick<StepResult, 'comparison' | 'ready'>,
  colours: Palette,
): string[] {
  const { owned, foreign, problems } = comparison;
  const { green, red, yellow } = colours;
  const say = (label: string, text: string) => line(label, text, colours);
  const weights = [...new Set(owned.map(({ weight }) => weight))].join(', ');
  const ours =
    owned.length === 0 ? 'none of the binding' : `${owned.length} of the binding at weight ${weights}`;
  const verdict =
    problems.length === 0
      ? green(`✓ equal to the cluster (${ready} ready)`)
      : red('✗ not equal to the cluster');
  const addresses = owned.map(({ serverIp, port }) => `${serverIp}:${port}`);
  return [
    say(
      'group',
      `${plural(owned.length + foreign.length, 'backend')}: ${ours}, ${foreign.length} foreign  ${verdict}`,
    ),
    ...(owned.length > 0 ? [say('', abbreviate(addresses, ROWS_SHOWN, '  '))] : []),
    say('', foreign.map((row) => yellow(`${rowName(row)} ×${row.weight} foreign`)).join('  ')),
    ...problems.map((problem) => say('', red(problem))),
  ];
}

export function summary(results: readonly StepResult[], { bold, green, red }: Palette): string[] {
  const header = [
    'step',
    'left',
    'joined',
    'calls',
    'Remove',
    'Set weight',
    'Add',
    'other',
    'p50 ms',
    'max ms',
    '',
  ];
  const rows = results.map(({ title, measured, comparison }) => {
    const counts = countByAction(measured.calls);
    const of = (name: string) => counts.get(name) ?? 0;
    const other = measured.calls.length - of('Remove') - of('Set weight') - of('Add');
    const { departures, joined, delaysMs } = measured;
    return [
      title,
      ...[
        departures.length,
        joined,
        measured.calls.length,
        of('Remove'),
        of('Set weight'),
        of('Add'),
        other,
      ].map((count) => (count === 0 ? '–' : String(count))),
      milliseconds(quantile(delaysMs, 0.5)),
      milliseconds(quantile(delaysMs, 1)),
      comparison.problems.length === 0 ? green('✓') : red('✗'),
    ];
  });
  const aligns = header.map((_, column) => (column === 0 || column === header.length - 1 ? 'left' : 'right'));
  const [titles = '', ...lines] = table([header, ...rows], aligns);
  return [bold(titles), ...lines].map((text) => `${INDENT}${text}`);
}

/** One row for each way of updating pods, one column for each propagation time of the load balancer. */
export function trafficReport(results: readonly TrafficResult[], { bold, green, red }: Palette): string[] {
  const [first] = results;
  const header = [
    'failed requests',
    ...(first?.counts ?? []).map(({ propagation }) => `at ${propagation} s`),
  ];
  const rows = results.map(({ variant, counts }) => [
    variant,
    ...counts.map(({ failed, requests }) => (failed === 0 ? green : red)(`${failed} of ${requests}`)),
  ]);
  const [titles = '', ...lines] = table(
    [header, ...rows],
    header.map((_, column) => (column === 0 ? 'left' : 'right')),
  );
  return [bold(titles), ...lines].map((text) => `${INDENT}${text}`);
}

function whoLeft({ departures }: Measured): string {
  return counted(departures.map(({ endpoint }) => `${endpoint.pod} (${endpoint.address})`));
}

function whoJoined(changes: readonly EndpointChange[]): string {
  return counted(changes.flatMap(({ joined }) => joined).map(({ pod, address }) => `${pod} (${address})`));
}

function reusedSentence(count: number): string {
  return `${pad(String(count), 2, 'right')}  addresses went to a new pod before their removal was due`;
}

function counted(names: readonly string[]): string {
  return `${pad(String(names.length), 2, 'right')}  ${abbreviate(names, NAMES_SHOWN)}`;
}

function callsSentence(calls: readonly Call[]): string {
  const parts = [...countByAction(calls)].sort(([a], [b]) => (a < b ? -1 : 1));
  const refused = calls.filter(({ code }) => code !== 'OK').length;
  const detail = parts.map(([name, count]) => `${name} ${count}`).join(', ');
  const failures = refused === 0 ? '' : `; ${refused} not answered with OK`;
  return `${pad(String(calls.length), 2, 'right')}  ${detail === '' ? '' : `(${detail})`}${failures}`;
}

function delaySentence({ delaysMs }: Measured): string {
  const [p50, max] = [quantile(delaysMs, 0.5), quantile(delaysMs, 1)];
  if (max === undefined) return ' –  nothing had to be removed';
  if (delaysMs.length === 1) return `${milliseconds(max)} ms from the event to the arrival of the call`;
  return `p50 ${milliseconds(p50)} ms, max ${milliseconds(max)} ms from the event to the arrival of the call (${delaysMs.length} backends)`;
}

/** Endpoint events and API calls in one sequence; times count from the first event or, if there is none, from the first call. */
function timeline({ calls, departures }: Measured, changes: readonly EndpointChange[]): string[] {
  const events = [
    ...changes.map((change) => ({ at: change.at, cells: ['Endpoints', changeText(change)] })),
    ...(changes.length === 0 && departures[0] !== undefined
      ? [
          {
            at: departures[0].at,
            cells: ['Event', `the binding is deleted, ${plural(departures.length, 'backend')} to remove`],
          },
        ]
      : []),
    ...calls.map((call) => ({ at: call.arrivedAt, cells: [shortName(call.action), callText(call)] })),
  ].sort((a, b) => a.at - b.at);
  const origin = changes[0]?.at ?? departures[0]?.at ?? events[0]?.at;
  if (origin === undefined) return [];
  const rows = events.map(({ at, cells }) => [`${milliseconds(at - origin)} ms`, ...cells]);
  const lines = shorten(table(rows, ['right', 'left', 'left']), TIMELINE.first, TIMELINE.last);
  return [`from ${clockTime(origin)}`, ...lines];
}

function changeText({ left, joined, handedOver, ready }: EndpointChange): string {
  const parts = [
    ...(left.length > 0 ? [`${left.length} left`] : []),
    ...(joined.length > 0 ? [`${joined.length} joined`] : []),
    ...(handedOver.length > 0 ? [`${handedOver.length} handed over`] : []),
  ];
  return `${parts.join(', ')} (${ready} ready)`;
}

function callText({ count, code }: Call): string {
  const subject = count === 0 ? '' : plural(count, 'backend');
  return [subject, code === 'OK' ? '' : code].filter((part) => part !== '').join(' ');
}
