import { environmentName, FLAG_KEYS, flagName } from '../../src/config/flags.ts';

/** Set by other values of the chart or by the Deployment, or useless in a pod. */
const NOT_FREE: ReadonlySet<string> = new Set([
  'VSGB_CLUSTER_ID',
  'VSGB_CONTEXT',
  'VSGB_CREDENTIALS_DIR',
  'VSGB_HEALTH_ADDRESS',
  'VSGB_KUBECONFIG',
  'VSGB_LEADER_ELECT',
  'VSGB_LEADER_ELECT_LEASE_NAME',
  'VSGB_LEADER_ELECT_NAMESPACE',
  'VSGB_METRICS_ADDRESS',
  'VSGB_METRICS_AUTH',
  'VSGB_NAMESPACE',
  'VSGB_READINESS_GATES',
  'VSGB_REQUIRE_GRANTS',
  'VSGB_METRICS_TLS_DIR',
  'VSGB_REGION',
  'VSGB_VPC_ID',
  'VSGB_WEBHOOK_ADDRESS',
  'VSGB_WEBHOOK_NAME',
  'VSGB_WEBHOOK_TLS_DIR',
]);

const FREE = FLAG_KEYS.filter((key) => !NOT_FREE.has(environmentName(key)));

/** The variables allowed under `config` in the chart's values. */
export function freeSettings(): readonly string[] {
  return FREE.map(environmentName).toSorted();
}

/** Matches an argument allowed under `extraArgs`: a flag of the same settings. */
export function freeArgument(): string {
  const names = FREE.map((key) => flagName(key).slice('--'.length)).toSorted();
  return `^--(no-)?(${names.join('|')})(=|$)`;
}
