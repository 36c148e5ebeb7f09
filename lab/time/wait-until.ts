import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface WaitOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Default 50 ms. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/** If the clock advances by more than this, the machine was paused, and what we wait for could not happen meanwhile. */
const LONGEST_STEP_MS = 5000;

type Falsy = false | 0 | 0n | '' | null | undefined;

/**
 * Polls until `probe` returns something truthy, and returns it. A probe that throws counts as "not yet". At most 5 s between two
 * probes count towards the timeout, so that a machine that is paused for a while causes no failure. On timeout, the error says what
 * was waited for, and what the last probe returned or threw.
 */
export async function waitUntil<T>(
  description: string,
  probe: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 50, signal }: WaitOptions = {},
): Promise<Exclude<Awaited<T>, Falsy>> {
  let left = timeoutMs;
  for (let last = performance.now(); ; ) {
    const outcome = await attempt(probe);
    if (outcome.value) return outcome.value as Exclude<Awaited<T>, Falsy>;
    const now = performance.now();
    left -= Math.min(now - last, LONGEST_STEP_MS);
    last = now;
    if (left <= 0) {
      throw new Error(`waited ${timeoutMs / 1000} s for: ${description}; ${describe(outcome)}`, {
        cause: outcome.error,
      });
    }
    await delay(intervalMs, undefined, signal && { signal });
  }
}

interface Outcome<T> {
  readonly value?: T;
  readonly error?: unknown;
}

async function attempt<T>(probe: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await probe() };
  } catch (error) {
    return { error };
  }
}

function describe({ value, error }: Outcome<unknown>): string {
  if (error === undefined) return `the last probe returned ${inspect(value, { depth: 4 })}`;
  return `the last probe threw ${messageOf(error)}`;
}

/** Does not check for Error: under jest, Node's own errors come from another realm. */
function messageOf(error: unknown): string {
  const hasMessage = typeof error === 'object' && error !== null && 'message' in error;
  return hasMessage && error.message ? String(error.message) : inspect(error);
}
