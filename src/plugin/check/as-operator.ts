import type { Clock } from '../../clock.ts';
import { ConfigError } from '../../config/config-error.ts';
import { type Config, readCommand } from '../../config.ts';
import type { Cluster } from '../command.ts';
import { judgeCaches, type MetricsSeen } from './cache-judgement.ts';
import type { Finding } from './finding.ts';
import { checkCloudFromHere } from './from-here.ts';

export interface OperatorPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  connect(config: Config): Cluster;
}

/** Runs in the operator's container, with settings read from the same environment and flags as the operator's own. */
export async function checkAsOperator(
  operatorArgs: readonly string[],
  groupId: string | undefined,
  { env, clock, signal, connect }: OperatorPlace,
): Promise<readonly Finding[]> {
  const command = readCommand(operatorArgs, env);
  if (command.action !== 'run')
    throw new ConfigError('the flags of the operator are not those of one that runs');
  const { config } = command;
  const { assumableRole: assumableRoles, namespace: namespaces, bindingSelector } = config;
  const cluster = connect(config);
  const options = { config, groupId, assumableRoles, cluster, namespaces, bindingSelector, clock, signal };
  const cloud = await checkCloudFromHere(options);
  return [...cloud, judgeCaches(await readMetrics(config, signal))];
}

async function readMetrics(config: Config, signal: AbortSignal): Promise<MetricsSeen> {
  const { metricsAddress: address } = config;
  if (address === undefined) return { none: 'the operator serves no metrics (--metrics-address off)' };
  if (config.metricsTlsDir !== undefined || config.metricsAuth !== 'none')
    return { none: 'the metrics are for whom the cluster lets, or over HTTPS: not read' };
  const host = address.host === undefined || address.host === '0.0.0.0' ? '127.0.0.1' : address.host;
  try {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/metrics`;
    const reply = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
    return reply.ok
      ? { page: await reply.text() }
      : { none: `the metrics are refused: HTTP ${reply.status}` };
  } catch {
    signal.throwIfAborted();
    return { none: `nothing answers at ${host}:${address.port}, where the metrics should be` };
  }
}
