import type { Clock } from '../../clock.ts';

/**
 * The time that calls are signed with. It is this machine's time until the cloud refuses a call for its timestamp (it
 * accepts a difference of 15 minutes), then the cloud's time by the `Date` of that reply. All clients share one instance.
 */
export interface CloudTime {
  /** Wall-clock milliseconds. */
  now(): number;
  /** What `now` adds to the wall clock. */
  readonly offsetMs: number;
  /** Reports that a call signed with this offset was refused for its timestamp; `date` is the `Date` of the reply. */
  onRefused(usedOffsetMs: number, date: string | undefined): void;
}

/** The error code of a call that was refused for its timestamp. */
export const TIME_REFUSED = 'InvalidTimeStamp.Expired';

/** Offsets closer than this count as the same, because a `Date` has whole seconds and took time to arrive. */
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
      // The correction did not help, and there is no better one.
      else if (used === offsetMs) set(0);
    },
  };
}

function same(a: number, b: number): boolean {
  return Math.abs(a - b) < SAME_WITHIN_MS;
}

/** The format that servers must send (RFC 9110, 5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Returns milliseconds since the Unix epoch, or undefined if the date is not in that format. */
export function timeOfHttpDate(date: string): number | undefined {
  const time = HTTP_DATE.test(date) ? Date.parse(date) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

function offsetOf(date: string | undefined, wall: number): number | undefined {
  const time = date === undefined ? undefined : timeOfHttpDate(date);
  if (time === undefined) return undefined;
  return same(time, wall) ? 0 : time - wall;
}
