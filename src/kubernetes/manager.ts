import { type Clock, systemClock } from '../clock.ts';
import { within } from './within.ts';

/** Something of the process that is started and stopped. */
export interface Part {
  readonly name: string;
  /**
   * Resolves when the parts of later groups may start (a server listens, a cache is complete, the Lease is won); gives up soon after
   * the signal is aborted. What breaks later is told to `fail`.
   */
  start(running: Running): Promise<void>;
  /** Called after every part of the later groups was stopped, also when `start` did not come to its end. */
  stop?(deadlineMs: number): Promise<unknown>;
}

export interface Running {
  /** Aborted as soon as the process stops, for whatever reason. */
  readonly signal: AbortSignal;
  fail(error: unknown): void;
}

export interface ManagerOptions {
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** For all parts together. */
  readonly stopTimeoutMs: number;
  readonly clock?: Clock;
  /** A part that failed to stop, or (without an error) not in time. */
  readonly onStopFailure?: (part: string, error?: unknown) => void;
}

/** Ends the process: without this part the rest is of no use. */
export class PartFailedError extends Error {
  override readonly name = 'PartFailedError';
  readonly part: string;

  constructor(part: string, cause: unknown) {
    super(`${part} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.part = part;
  }
}

/**
 * Runs the groups of parts until the signal is aborted or a part fails.
 *
 * A group starts when every part of the one before has; the parts of a group start together. They stop the other way round, each
 * group when the later ones have stopped or the deadline for all has passed: then the rest is told to stop without being waited for.
 * The first part that fails, at its start or later, stops all others and is what this rejects with.
 */
export async function runParts(
  groups: readonly (readonly Part[])[],
  { signal, stopTimeoutMs, clock = systemClock, onStopFailure = () => {} }: ManagerOptions,
): Promise<void> {
  const over = new AbortController();
  const failed = Promise.withResolvers<never>();
  // Nobody waits for it while parts are stopped.
  failed.promise.catch(() => {});
  const ended = Promise.race([abortOf(signal), failed.promise]);
  const begun: (readonly Part[])[] = [];
  const startPart = async (part: Part) => {
    const fail = (error: unknown) => failed.reject(new PartFailedError(part.name, error));
    try {
      await part.start({ signal: over.signal, fail });
    } catch (error) {
      if (!over.signal.aborted) fail(error);
    }
  };
  try {
    for (const group of groups) {
      if (signal.aborted) break;
      begun.unshift(group);
      await Promise.race([Promise.all(group.map(startPart)), ended]);
    }
    await ended;
  } finally {
    over.abort(signal.reason ?? new Error('the process stops'));
    const deadline = clock.now() + stopTimeoutMs;
    for (const group of begun) await Promise.all(group.map((part) => stopPart(part, deadline)));
  }

  async function stopPart(part: Part, deadline: number): Promise<void> {
    const left = Math.max(0, deadline - clock.now());
    const stopped = (async () => await part.stop?.(left))().catch((error) => onStopFailure(part.name, error));
    if (!(await within(clock, left, stopped))) onStopFailure(part.name);
  }
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
