export type Level = 'ok' | 'warning' | 'failed' | 'unknown';

/** One line of `kubectl vsgb check`. */
export interface Finding {
  /** What was checked: the name of an API action, or a word or two. */
  readonly check: string;
  /** unknown: the check was impossible, or its result proves nothing. */
  readonly level: Level;
  readonly message: string;
  /** What to do. Absent if the level is ok. */
  readonly advice?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message };
}

export function warning(check: string, message: string, advice: string): Finding {
  return { check, level: 'warning', message, advice };
}

export function failed(check: string, message: string, advice: string): Finding {
  return { check, level: 'failed', message, advice };
}

export function unknown(check: string, message: string, advice: string): Finding {
  return { check, level: 'unknown', message, advice };
}
