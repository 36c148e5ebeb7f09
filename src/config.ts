import { ConfigError } from './config/config-error.ts';
import { FLAG_KEYS, type FlagValues, flagName } from './config/flags.ts';
import { type Environment, readArguments, readEnvironment, readValue } from './config/read.ts';
import type { ListenAddress } from './config/values.ts';

export { ConfigError } from './config/config-error.ts';
export { helpText } from './config/help.ts';
export type { ListenAddress } from './config/values.ts';

/** All settings, parsed and validated. Every duration is in milliseconds. */
export interface Config extends FlagValues {
  readonly inCluster: boolean;
}

export type ParsedCommand =
  | { readonly action: 'run'; readonly config: Config }
  | { readonly action: 'help' }
  | { readonly action: 'version' };

/** Throws a ConfigError for unknown or invalid input. */
export function readCommand(args: readonly string[], environment: Environment): ParsedCommand {
  const { help, version, given } = readArguments(args);
  if (help) return { action: 'help' };
  if (version) return { action: 'version' };
  const fromEnvironment = readEnvironment(environment);
  const inCluster =
    Boolean(environment['KUBERNETES_SERVICE_HOST']) &&
    !environment['KUBECONFIG'] &&
    !given.has('kubeconfig') &&
    !fromEnvironment.has('kubeconfig');
  const values = Object.fromEntries(
    FLAG_KEYS.map((key) => [key, readValue(key, given, fromEnvironment, { inCluster })]),
  ) as unknown as FlagValues;
  const config: Config = Object.freeze({ ...values, inCluster });
  for (const problem of problems(config)) throw new ConfigError(problem);
  return { action: 'run', config };
}

/** Validation that involves several values. */
function* problems(config: Config): Generator<string> {
  const {
    leaderElectLeaseDuration: lease,
    leaderElectRenewDeadline: renew,
    leaderElectRetryPeriod: retry,
  } = config;
  if (renew >= lease)
    yield `--leader-elect-renew-deadline: received ${renew}ms, expected less than --leader-elect-lease-duration (${lease}ms), so that a leader stops before another takes over`;
  if (retry * 2 >= renew)
    yield `--leader-elect-retry-period: received ${retry}ms, expected less than half of --leader-elect-renew-deadline (${renew}ms), so that a renewal can be tried twice`;
  if (config.leaderElect && !config.inCluster && config.leaderElectNamespace === undefined)
    yield '--leader-elect-namespace is needed with --leader-elect outside a cluster: expected the name of a namespace';
  if (config.assumeRoleExternalId !== undefined && config.assumeRoleArn === undefined)
    yield '--assume-role-external-id is given without --assume-role-arn: expected both, or neither';
  for (const key of ['slbEndpoint', 'ecsEndpoint', 'stsEndpoint'] as const)
    if (isExposed(config[key]) && !config.allowInsecureEndpoints)
      yield `${flagName(key)}: received ${JSON.stringify(config[key])}, expected https:// for an address that is not on this machine (or --allow-insecure-endpoints)`;
  for (const [key, other] of [
    ['healthAddress', 'metricsAddress'],
    ['webhookAddress', 'metricsAddress'],
    ['webhookAddress', 'healthAddress'],
  ] as const)
    if (isSame(config[key], config[other]))
      yield `${flagName(key)}: received port ${config[key]?.port}, expected another than that of ${flagName(other)}`;
}

function isSame(a: ListenAddress | undefined, b: ListenAddress | undefined): boolean {
  return a !== undefined && b !== undefined && a.port !== 0 && a.port === b.port && a.host === b.host;
}

function isExposed(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return false;
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
