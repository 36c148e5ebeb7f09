export const MASK = '[redacted]';

/** Parameters and headers that identify the account or allow others to act as it. */
const NAMES =
  'access_?key_?id|access_?key_?secret|secret_?access_?key|security_?token|signature(?:_?nonce)?|oidc_?token|' +
  'bearer_?token|password|x-acs-security-token|x-acs-accesskey-id';

const RULES: readonly (readonly [RegExp, string])[] = [
  // SignatureDoesNotMatch echoes everything that was signed, key id and token included, up to the end of the text.
  [/(string\s*to\s*sign\b).*/gis, `$1 ${MASK}`],
  // name=value in a URL or form, encoded any number of times.
  [new RegExp(`\\b(${NAMES})(=|%(?:25)*3D)(?:(?!%(?:25)*26)[^&\\s"'<>])+`, 'gi'), `$1$2${MASK}`],
  // "name": "value" in JSON, also in JSON inside a string.
  [new RegExp(`\\b(${NAMES})(\\\\*["']?\\s*[:=]\\s*\\\\*["'])[^"'\\\\]+`, 'gi'), `$1$2${MASK}`],
  // name: value
  [new RegExp(`\\b(${NAMES})(\\\\*["']?\\s*[:=]\\s*)[^&\\s"'\\\\<>,;}]+`, 'gi'), `$1$2${MASK}`],
  [new RegExp(`<(${NAMES})>[^<]*`, 'gi'), `<$1>${MASK}`],
  [/\b((?:proxy-)?authorization\\*["']?\s*[:=]\s*\\*["'])[^"'\\\r\n]+/gi, `$1${MASK}`],
  // On a line of its own, the value may contain quotes.
  [/\b((?:proxy-)?authorization["']?\s*[:=]\s*)(?![\\"'\s])[^\r\n]+/gi, `$1${MASK}`],
  [/\bbearer\s+[\w.~+/=-]{8,}/gi, `Bearer ${MASK}`],
  [/\b(ACS3-[A-Z0-9-]+)\s+(?:Credential=)?[^\s\]]+/g, `$1 ${MASK}`],
  // Access key ids by their form, wherever they appear; JSON web tokens; user and password of a URL; private keys.
  [/\b(?:LTAI|STS\.)[A-Za-z0-9]{8,}/g, MASK],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, MASK],
  [/\/\/[^/\s@]+@/g, `//${MASK}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
];

/** Removes secrets from a text that will be shown: by name, by form and by value. */
export function redact(text: string, values: readonly (string | undefined)[] = []): string {
  let clean = text;
  for (const value of values) {
    if (value !== undefined && value.length >= 4) clean = clean.replaceAll(value, MASK);
  }
  for (const [pattern, replacement] of RULES) clean = clean.replace(pattern, replacement);
  return clean;
}
