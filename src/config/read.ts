import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.ts';
import {
  type Context,
  environmentName,
  FLAG_KEYS,
  FLAGS,
  type Flag,
  type FlagKey,
  flagName,
} from './flags.ts';
import { boolean, type ValueKind } from './values.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The text given for each flag. */
export type Given<K = FlagKey> = Pick<ReadonlyMap<K, readonly string[]>, 'get' | 'has'>;

const KEY_OF_FLAG = new Map(FLAG_KEYS.map((key) => [flagName(key), key]));
const KEY_OF_VARIABLE = new Map(FLAG_KEYS.map((key) => [environmentName(key), key]));

/** Kubernetes injects such variables into the pods of a namespace that has a Service named vsgb-…. */
const SERVICE_LINK = /_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly given: Given;
}

/** Error messages name an unknown flag but never its value, which may be a misplaced secret. */
export function readArguments(args: readonly string[]): CommandLine {
  const options = Object.fromEntries(
    FLAG_KEYS.filter((key) => kindOf(key) !== boolean).map((key) => [
      flagName(key).slice(2),
      { type: 'string' } as const,
    ]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<FlagKey, string[]>();
  let help = false;
  let version = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new ConfigError('unexpected argument; see --help');
    if (token.rawName === '--help' || token.rawName === '-h') help = true;
    else if (token.rawName === '--version') version = true;
    else {
      const [key, value] = readOption(token.rawName, token.value, token.inlineValue ?? false);
      given.set(key, isRepeatable(key) ? [...(given.get(key) ?? []), value] : [value]);
    }
  }
  return { help, version, given };
}

function readOption(rawName: string, value: string | undefined, inline: boolean): [FlagKey, string] {
  const negated = rawName.startsWith('--no-') ? KEY_OF_FLAG.get(`--${rawName.slice(5)}`) : undefined;
  if (negated !== undefined && kindOf(negated) === boolean && value === undefined) return [negated, 'false'];
  const key = KEY_OF_FLAG.get(rawName);
  if (key === undefined) throw new ConfigError(`unknown flag ${rawName}; see --help`);
  if (kindOf(key) === boolean) return [key, value ?? 'true'];
  if (value === undefined || (!inline && value.startsWith('-')))
    throw new ConfigError(`${rawName} needs a value: expected ${kindOf(key).expected}`);
  return [key, value];
}

/** An empty variable counts as unset, because manifests cannot easily omit one. */
export function readEnvironment(environment: Environment): Given {
  const given = new Map<FlagKey, string[]>();
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('VSGB_') || value === undefined || value === '') continue;
    const key = KEY_OF_VARIABLE.get(name);
    if (key !== undefined) given.set(key, isRepeatable(key) ? value.split(',') : [value]);
    else if (!SERVICE_LINK.test(name))
      throw new ConfigError(`unknown environment variable ${name}; see --help`);
  }
  return given;
}

/** The parsed value: from the command line, or else the environment, or else the default. A repeated item counts once. */
export function readValue(key: FlagKey, fromFlags: Given, fromEnvironment: Given, context: Context): unknown {
  const flag: Flag<unknown> = FLAGS[key];
  const name = fromFlags.has(key) ? flagName(key) : environmentName(key);
  const given = fromFlags.get(key) ?? fromEnvironment.get(key);
  if (flag.repeatable)
    return [...new Set((given ?? []).map((item) => convert(flag.kind, name, item.trim())))];
  if (given?.[0] !== undefined) return convert(flag.kind, name, given[0]);
  if (flag.required) throw new ConfigError(`${flagName(key)} is needed: expected ${flag.kind.expected}`);
  const { fallback } = flag;
  if (fallback === undefined) return undefined;
  return convert(flag.kind, flagName(key), typeof fallback === 'string' ? fallback : fallback(context));
}

/** `name`: the flag or variable that gave the value. */
export function convert<T>(kind: ValueKind<T>, name: string, value: string): T {
  const result = kind.schema.safeParse(value);
  if (result.success) return result.data;
  throw new ConfigError(`${name}: received ${quote(value)}, expected ${kind.expected}`);
}

/** The received text on one line, truncated, without the user part of a URL. */
function quote(value: string): string {
  const safe = value.replace(/\/\/[^@/]*@/g, '//***@');
  return JSON.stringify(safe.length > 80 ? `${safe.slice(0, 80)}…` : safe);
}

function kindOf(key: FlagKey) {
  return FLAGS[key].kind as Flag<unknown>['kind'];
}

function isRepeatable(key: FlagKey): boolean {
  return (FLAGS[key] as Flag<unknown>).repeatable === true;
}
