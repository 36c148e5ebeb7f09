import type { Clock } from '../../clock.ts';

/**
 * The time that calls are signed with: this machine's, until the cloud refuses a call for it (the two may be 15 minutes
 * apart). From then on it is the cloud's, by the `Date` of that reply. One for all clients of the cloud.
 */
export interface CloudTime {
  /** Wall-clock milliseconds. */
  now(): number;
  /** What `now` adds to the wall clock. */
  readonly offsetMs: number;
  /** A call that was signed with this offset was refused for its time, in a reply of this date. */
  onRefused(usedOffsetMs: number, date: string | undefined): void;
}

/** The code of a call that was refused for its time. */
export const TIME_REFUSED = 'InvalidTimeStamp.Expired';

/** A `Date` tells whole seconds, and took its way: offsets that are closer than this are the same. */
const SAME_WITHIN_MS = 60_000;

export function createCloudTime(clock: Clock, onOffset?: (offsetMs: number) => void): CloudTime {
  let offsetMs = 0;
  const set = (next: number) => {
    if (same(next, offsetMs)) return;
    offsetMs = next;
    onOffset?.(next);
  };
  return {
    now: () => clock.wall() + offsetMs,
    get offsetMs() {
      return offsetMs;
    },
    onRefused(used, date) {
      const told = offsetOf(date, clock.wall());
      if (told !== undefined && !same(told, used)) set(told);
      // The correction was no help, and there is no better one.
      else if (used === offsetMs) set(0);
    },
  };
}

function same(a: number, b: number): boolean {
  return Math.abs(a - b) < SAME_WITHIN_MS;
}

/** The form that servers must send (RFC 9110, 5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Milliseconds since the Unix epoch; undefined when it is not in that form. */
export function timeOfHttpDate(date: string): number | undefined {
  const time = HTTP_DATE.test(date) ? Date.parse(date) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

function offsetOf(date: string | undefined, wall: number): number | undefined {
  const time = date === undefined ? undefined : timeOfHttpDate(date);
  if (time === undefined) return undefined;
  return same(time, wall) ? 0 : time - wall;
}
