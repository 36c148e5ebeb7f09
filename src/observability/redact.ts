/** Names of fields whose text is never shown. */
const SECRET_FIELD =
  /secret|password|passwd|token|signature|authorization|access[-_]?key|private[-_]?key|client[-_]?key|string[-_]?to[-_]?sign/i;

const MASK = '[redacted]';

/** Secrets by their form, wherever they stand in a text. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  // Everything that was signed, key id and token included, is echoed after these words.
  [/(string\s*to\s*sign\b).*/gis, `$1 ${MASK}`],
  // name=value and "name": "value", as in URLs, forms, JSON and JSON inside JSON.
  [
    /\b(access_?key_?(?:id|secret)|secret_?access_?key|security_?token|signature|password|x-acs-security-token)(\\*["']?\s*(?:=|:|%3D|%253D)\s*\\*["']?)[^&\s"'\\<>,;}]+/gi,
    `$1$2${MASK}`,
  ],
  [/\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)[^"'\r\n]+/gi, `$1${MASK}`],
  [/\bbearer\s+[\w.~+/=-]{8,}/gi, `Bearer ${MASK}`],
  [/\b(?:LTAI|STS\.)[A-Za-z0-9]{8,}/g, MASK],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, MASK],
  [/(\/\/)[^/\s@:]+:[^/\s@]+@/g, `$1${MASK}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
];

export function redactText(text: string): string {
  return FORMS.reduce((clean, [form, replacement]) => clean.replace(form, replacement), text);
}

const MAX_DEPTH = 5;
const MAX_ITEMS = 100;

/** A copy of anything, fit to be logged: no secrets, no cycles, bounded, errors as their sentence. */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return redactText(describeError(value));
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

/** `TypeError: fetch failed: connect ECONNREFUSED`: the causes are often what matters. */
function describeError(error: Error, depth = 0): string {
  const sentence = error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
  if (!(error.cause instanceof Error) || depth >= MAX_DEPTH) return sentence;
  return `${sentence}: ${describeError(error.cause, depth + 1)}`;
}
