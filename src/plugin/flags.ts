import { parseArgs } from 'node:util';
import { OPERATOR } from '../api/names.ts';
import { DEFAULT_DRAIN } from '../api/vservergroupbinding.ts';
import { ConfigError } from '../config/config-error.ts';
import { FLAGS, type Flag, type FlagKey, type FlagValues, flagName } from '../config/flags.ts';
import { convert, type Environment, type Given, readEnvironment, readValue } from '../config/read.ts';
import { boolean, choice, duration, matching, path, type ValueKind, wholeNumber } from '../config/values.ts';

interface OwnFlag<T> {
  readonly short?: string;
  readonly kind: ValueKind<T>;
  readonly help: string;
  readonly fallback?: string;
  readonly repeatable?: true;
}

const own = <T, const M extends Omit<OwnFlag<T>, 'kind' | 'help'>>(
  kind: ValueKind<T>,
  help: string,
  more: M,
) => ({
  kind,
  help,
  ...more,
});

/** `i-abc:80`, `eni-abc:80:10.0.0.1`, `eni-abc:80:fd00::1`. */
const BACKEND = /^(?:i|eni|eci)-[0-9A-Za-z-]+:\d{1,5}(?::[0-9A-Fa-f.:]+)?$/;

/** Flags that only the plugin has. The others are `flags` of src/config, with the same meaning as for the operator. */
const OWN_FLAGS = {
  namespace: own(
    matching('NAMESPACE', 'the name of a namespace', /^[a-z0-9][-a-z0-9]*$/),
    "The namespace. (default: the context's)",
    { short: 'n' },
  ),
  allNamespaces: own(boolean, 'Bindings of all namespaces.', { short: 'A', fallback: 'false' }),
  output: own(choice('table', 'json', 'yaml'), 'Output format.', {
    short: 'o',
    fallback: 'table',
  }),
  group: own(
    matching('ID', 'the id of a vServer group, as rsp-bp1x0abc', /^rsp-[0-9a-z-]{1,60}$/),
    'The vServer group.',
    {},
  ),
  from: own(
    choice('operator', 'here'),
    'Where the cloud is called from: a pod of the operator, or this machine.',
    { fallback: 'operator' },
  ),
  operatorNamespace: own(
    matching('NAMESPACE', 'the name of a namespace', /^[a-z0-9][-a-z0-9]*$/),
    "The operator's namespace.",
    { fallback: OPERATOR },
  ),
  backend: own(
    matching('ID:PORT[:IP]', 'ID:PORT or, for one address of a network interface, ID:PORT:IP', BACKEND),
    'A backend to remove. Repeatable.',
    { repeatable: true },
  ),
  timeout: own(duration('0', '24h'), 'How long to wait and retry.', { fallback: '2m' }),
  undo: own(boolean, "Restore the weights of the node's backends.", { fallback: 'false' }),
  force: own(boolean, 'Drain even if a group is left without a backend that takes requests.', {
    fallback: 'false',
  }),
  filename: own(path('FILE'), 'Manifests to read; - for standard input. Repeatable.', {
    short: 'f',
    repeatable: true,
  }),
  gate: own(boolean, 'Add the readiness gate. --gate=false leaves it out.', { fallback: 'true' }),
  hold: own(boolean, 'Add the hold. --hold=false leaves it out.', { fallback: 'true' }),
  drainSeconds: own(
    wholeNumber(0, 3600),
    'spec.drain.seconds of the binding, else --default-drain-seconds of the operator.',
    { fallback: '0' },
  ),
  propagationSeconds: own(wholeNumber(0, 3600), 'spec.drain.propagationSeconds of the binding.', {
    fallback: String(DEFAULT_DRAIN.propagationSeconds),
  }),
  holdSeconds: own(
    wholeNumber(1, 7205),
    'Length of the hold; overrides --drain-seconds and --propagation-seconds.',
    {},
  ),
  podTemplate: own(
    matching('PATH', 'a path, as spec.template', /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/),
    'Path of the pod template in objects of unknown kinds. Repeatable.',
    { repeatable: true },
  ),
} as const;

type OwnKey = keyof typeof OWN_FLAGS;
type OwnValue<K extends OwnKey> = (typeof OWN_FLAGS)[K]['kind'] extends ValueKind<infer T> ? T : never;
/** Undefined if the flag was not given and has no default. */
type OwnValueOrNone<K extends OwnKey> =
  | OwnValue<K>
  | ((typeof OWN_FLAGS)[K] extends { readonly fallback: string } ? never : undefined);

export type PluginFlag = OwnKey | FlagKey;

export const KUBERNETES: readonly PluginFlag[] = ['kubeconfig', 'context'];
export const CLOUD: readonly PluginFlag[] = [
  'region',
  'slbEndpoint',
  'ecsEndpoint',
  'stsEndpoint',
  'endpointNetwork',
  'allowInsecureEndpoints',
  'credentialsDir',
  'assumeRoleArn',
  'assumeRoleExternalId',
  'apiTimeout',
];

/** The flags of one call, converted on access. */
export class Options {
  readonly #given: Given<PluginFlag>;
  readonly #environment: Given;

  constructor(given: Given<PluginFlag>, environment: Given) {
    this.#given = given;
    this.#environment = environment;
  }

  own<K extends OwnKey>(key: K): OwnValueOrNone<K> {
    const flag: OwnFlag<unknown> = OWN_FLAGS[key];
    const value = this.#given.get(key)?.at(-1) ?? flag.fallback;
    return (value === undefined ? undefined : readOwn(key, value)) as OwnValueOrNone<K>;
  }

  all<K extends OwnKey>(key: K): readonly OwnValue<K>[] {
    return (this.#given.get(key) ?? []).map((value) => readOwn(key, value) as OwnValue<K>);
  }

  /** Reads a setting as the operator does: from the flag, or else its variable, or else the default. */
  operator<K extends FlagKey>(key: K): FlagValues[K] {
    const fallback = PLUGIN_DEFAULTS[key];
    if (fallback !== undefined && !this.given(key))
      return convert<unknown>(FLAGS[key].kind, nameOf(key), fallback) as FlagValues[K];
    return readValue(key, this.#given, this.#environment, { inCluster: false }) as FlagValues[K];
  }

  given(key: FlagKey): boolean {
    return this.#given.has(key) || this.#environment.has(key);
  }
}

function readOwn(key: OwnKey, value: string): unknown {
  return convert<unknown>(OWN_FLAGS[key].kind, nameOf(key), value);
}

/** Throws a ConfigError if a flag is not allowed. */
export function readFlags(
  args: readonly string[],
  allowed: readonly PluginFlag[],
  environment: Environment,
): { readonly options: Options; readonly positionals: readonly string[] } {
  const { values, positionals } = parsed(args, allowed);
  const given = new Map<PluginFlag, readonly string[]>();
  for (const key of allowed) {
    const value = values[nameOf(key).slice(2)];
    if (value !== undefined) given.set(key, [value].flat().map(String));
  }
  const options = new Options(given, readEnvironment(environment));
  for (const key of given.keys()) if (isOwn(key)) options.all(key);
  return { options, positionals };
}

function parsed(args: readonly string[], allowed: readonly PluginFlag[]) {
  const options = Object.fromEntries(
    allowed.map((key) => {
      const { kind, short, repeatable } = flagOf(key);
      const type = kind === boolean ? ('boolean' as const) : ('string' as const);
      return [
        nameOf(key).slice(2),
        { type, ...(short !== undefined && { short }), ...(repeatable && { multiple: true }) },
      ];
    }),
  );
  try {
    return parseArgs({
      args: args.map((arg) => withoutValue(arg, options)),
      options,
      allowPositionals: true,
      allowNegative: true,
    });
  } catch (error) {
    const [sentence = ''] = String((error as Error).message).split(/\. |\n/);
    throw new ConfigError(`${sentence}; see --help`);
  }
}

/** Turns `--gate=false` into `--no-gate`, because kubectl users write boolean flags that way. */
function withoutValue(arg: string, options: Readonly<Record<string, { readonly type: string }>>): string {
  const [, name = '', value] = /^--([a-z-]+)=(true|false)$/.exec(arg) ?? [];
  if (options[name]?.type !== 'boolean') return arg;
  return value === 'true' ? `--${name}` : `--no-${name}`;
}

/** Defaults that suit a person at a terminal rather than a pod. */
const PLUGIN_DEFAULTS: Partial<Record<PluginFlag, string>> = { endpointNetwork: 'public' };

export function nameOf(key: PluginFlag): string {
  return flagName(key as FlagKey);
}

export function isOwn(key: PluginFlag): key is OwnKey {
  return Object.hasOwn(OWN_FLAGS, key);
}

/** A flag, with its default as `--help` shows it. */
export function flagOf(key: PluginFlag): OwnFlag<unknown> {
  if (isOwn(key)) return OWN_FLAGS[key];
  const { kind, help, fallback, fallbackHelp, repeatable }: Flag<unknown> = FLAGS[key];
  const told = PLUGIN_DEFAULTS[key] ?? fallbackHelp ?? (typeof fallback === 'string' ? fallback : undefined);
  return { kind, help, ...(told !== undefined && { fallback: told }), ...(repeatable && { repeatable }) };
}
