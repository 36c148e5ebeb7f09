import { type Finding, ok, unknown, warning } from './finding.ts';

/** The `Date` header has a resolution of one second and arrives with some latency; a clock synchronized by NTP is closer than this. */
const SAME_WITHIN_MS = 60_000;

/** `offsetMs`: how far the other clock is ahead of the operator's; undefined if unknown. */
export function judgeClock(check: string, offsetMs: number | undefined, consequence: string): Finding {
  if (offsetMs === undefined)
    return unknown(check, 'no reply told the time', 'See the lines about the endpoints.');
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  if (Math.abs(offsetMs) < SAME_WITHIN_MS) return ok(check, `${seconds} s apart`);
  const side = offsetMs > 0 ? 'behind' : 'ahead';
  return warning(
    check,
    `the clock here is ${seconds} s ${side}: ${consequence}`,
    'Set the clock of the node by NTP.',
  );
}
