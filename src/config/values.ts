import { z } from 'zod';

/** How the text of a flag is parsed and documented. */
export interface ValueKind<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes the sentence "expected …". */
  readonly expected: string;
  /** The placeholder for the value in --help. */
  readonly placeholder: string;
}

const kind = <T>(placeholder: string, expected: string, schema: z.ZodType<T, string>): ValueKind<T> => ({
  placeholder,
  expected,
  schema,
});

export const matching = (placeholder: string, expected: string, pattern: RegExp) =>
  kind(placeholder, expected, z.string().max(1024).regex(pattern));

/** A file or folder. Any path is accepted here; using it shows whether it exists. */
export const path = (placeholder: 'FILE' | 'DIR') =>
  kind(
    placeholder,
    placeholder === 'FILE' ? 'the path of a file' : 'the path of a folder',
    z.string().min(1),
  );

export const choice = <const T extends string>(...choices: T[]) =>
  kind(choices.join('|'), `one of ${choices.join(', ')}`, z.enum(choices) as z.ZodType<T, string>);

export const boolean = kind(
  '',
  'true or false',
  z.enum(['true', 'false']).transform((value) => value === 'true') as z.ZodType<boolean, string>,
);

export const wholeNumber = (min: number, max: number) =>
  kind(
    'N',
    `a whole number from ${min} to ${max}`,
    z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max)),
  );

export const decimal = (min: number, max: number) =>
  kind(
    'N',
    `a number from ${min} to ${max}`,
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number)
      .pipe(z.number().min(min).max(max)),
  );

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Parses `100ms`, `2.5s`, `5m` or `1m30s` to milliseconds; NaN for anything else. */
function parseDuration(text: string): number {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return Number.NaN;
  const parts = [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit as keyof typeof UNITS], 0);
}

/** Parsed to milliseconds; the bounds are written the way users write durations. */
export const duration = (min: string, max: string) =>
  kind(
    'DURATION',
    `a duration from ${min} to ${max}, as 100ms, 5s or 1m30s`,
    z
      .string()
      .transform(parseDuration)
      .pipe(z.number().min(parseDuration(min)).max(parseDuration(max))),
  );

export interface ListenAddress {
  /** If absent, all interfaces. */
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
}

const ADDRESS = /^(?:(?<host>[A-Za-z0-9.-]+)|\[(?<ipv6>[0-9A-Fa-f:.]+)\])?:(?<port>\d{1,5})$/;

export const address = kind<ListenAddress | undefined>(
  'HOST:PORT',
  'HOST:PORT, :PORT for every interface, or off',
  z.string().transform((value, context) => {
    if (value === 'off') return undefined;
    const { host, ipv6, port } = ADDRESS.exec(value)?.groups ?? {};
    if (port === undefined || Number(port) > 65_535) {
      context.addIssue('not an address');
      return z.NEVER;
    }
    const name = host ?? ipv6;
    return { ...(name !== undefined && { host: name }), port: Number(port) };
  }),
);

/** An origin such as `https://slb.aliyuncs.com`, or only a host name, which implies https. */
export const endpoint = kind(
  'URL',
  'a host name, or an http:// or https:// URL of only host and port',
  z.string().transform((value, context) => {
    const url = URL.parse(value.includes('://') ? value : `https://${value}`);
    const plain = url !== null && url.pathname === '/' && url.search === '' && url.hash === '';
    const anonymous = url?.username === '' && url.password === '';
    if (!plain || !anonymous || !['http:', 'https:'].includes(url.protocol)) {
      context.addIssue('not an origin');
      return z.NEVER;
    }
    return url.origin;
  }),
);

const LABEL_KEY = '([a-z0-9A-Z.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';
const LABEL_VALUE = '([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?';
const REQUIREMENT = `\\s*(!?${LABEL_KEY}|${LABEL_KEY}\\s*(=|==|!=)\\s*${LABEL_VALUE}|${LABEL_KEY}\\s+(in|notin)\\s*\\(\\s*${LABEL_VALUE}(\\s*,\\s*${LABEL_VALUE})*\\s*\\))\\s*`;

export const selector = matching(
  'SELECTOR',
  'a label selector, as team=web,tier!=test',
  new RegExp(`^${REQUIREMENT}(,${REQUIREMENT})*$`),
);
