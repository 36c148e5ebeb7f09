/** Parameters and headers that let somebody else act as the account, or tell who it is. */
const SECRET_NAMES =
  'AccessKeyId|AccessKeySecret|SecretAccessKey|SecurityToken|Signature|SignatureNonce|OIDCToken|BearerToken|Password|' +
  'x-acs-security-token|x-acs-accesskey-id';

const RULES: readonly (readonly [RegExp, string])[] = [
  // SignatureDoesNotMatch echoes everything that was signed, key id and token included, up to the end of the text.
  [/(string\s*to\s*sign\b).*/gis, '$1 [redacted]'],
  // name=value in a URL or form, encoded up to two times.
  [new RegExp(`\\b(${SECRET_NAMES})(=|%(?:25)*3D)(?:(?!%(?:25)*26)[^&\\s"'<>])*`, 'gi'), '$1$2[redacted]'],
  // "name": "value" in JSON, also in JSON inside a string.
  [new RegExp(`\\b(${SECRET_NAMES})(\\\\*["']\\s*:\\s*\\\\*["'])[^"'\\\\]*`, 'gi'), '$1$2[redacted]'],
  [new RegExp(`<(${SECRET_NAMES})>[^<]*`, 'gi'), '<$1>[redacted]'],
  [/\b(Authorization|Proxy-Authorization)(["']?\s*[:=]\s*)[^\r\n]*/gi, '$1$2[redacted]'],
  [/\b(ACS3-[A-Z0-9-]+)\s+(?:Credential=)?[^\s\]]+/g, '$1 [redacted]'],
  // Access key ids by their form, wherever they stand; JSON web tokens; user and password of a URL.
  [/\b(?:LTAI|STS\.)[A-Za-z0-9]{8,}/g, '[redacted]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[redacted]'],
  [/\/\/[^/\s@]+@/g, '//[redacted]@'],
];

const MAX_LENGTH = 600;

/** Takes secrets out of a text that is going to be shown: by name, by form and by value. */
export function redact(text: string, values: readonly (string | undefined)[] = []): string {
  let clean = text;
  for (const value of values) {
    if (value !== undefined && value.length >= 4) clean = clean.replaceAll(value, '[redacted]');
  }
  for (const [pattern, replacement] of RULES) clean = clean.replace(pattern, replacement);
  return clean.length > MAX_LENGTH ? `${clean.slice(0, MAX_LENGTH)}…` : clean;
}
