import { MASK, redact } from '../redact.ts';

/** Names of fields whose text is always masked. */
const SECRET_FIELD =
  /secret|password|passwd|token|signature|authorization|access[-_]?key|private[-_]?key|client[-_]?key|string[-_]?to[-_]?sign/i;

const MAX_DEPTH = 5;
const MAX_ITEMS = 100;

/** A copy of any value that is safe to log: without secrets and cycles, of limited size, and with errors as one sentence. */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return redact(describeError(value));
  if (value instanceof Date) return Number.isNaN(value.valueOf()) ? 'Invalid Date' : value.toISOString();
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => loggable(item, depth + 1));
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([name, field]) => [
      name,
      typeof field === 'string' && SECRET_FIELD.test(name) ? MASK : loggable(field, depth + 1),
    ]),
  );
}

/** Includes the causes, which are often what matters: `TypeError: fetch failed: connect ECONNREFUSED`. */
function describeError(error: Error, depth = 0): string {
  const sentence = error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
  if (!(error.cause instanceof Error) || depth >= MAX_DEPTH) return sentence;
  return `${sentence}: ${describeError(error.cause, depth + 1)}`;
}
