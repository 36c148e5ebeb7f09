/** Parses `20ms`, `1.5s`, `2m` or `1h` to milliseconds. The error says what the value must be; the caller adds which value. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (!match) throw new RangeError(`must be a duration such as 20ms or 1.5s, not "${text}"`);
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h'];
}
