import { createMetrics } from '../../src/observability/metrics.ts';
import { row, table } from './table.ts';

interface Registered {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  get(): Promise<{ type: unknown }>;
}

/** Every metric of the operator's own. */
export async function describedMetrics() {
  const { registry } = createMetrics({
    version: '',
    controllers: [],
    resources: [],
    actions: [],
    backendStates: [],
  });
  const metrics = registry.getMetricsAsArray() as unknown as Registered[];
  return await Promise.all(
    metrics.map(async (metric) => ({
      name: metric.name,
      help: metric.help,
      labels: metric.labelNames,
      type: String((await metric.get()).type),
    })),
  );
}

export async function metricsPage(): Promise<string> {
  const rows = (await describedMetrics()).map(({ name, type, labels, help }) =>
    row(`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help),
  );
  return `# Metrics

Served as \`/metrics\` on \`--metrics-address\`, besides the usual \`process_*\` and \`nodejs_*\`. Series of known labels are there
with 0 from the start.

${table(['metric', 'type', 'labels', 'meaning'], rows.toSorted())}
`;
}
