import { createMetrics } from '../../src/observability/metrics.ts';
import { row, table } from './table.ts';

interface Described {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  get(): Promise<{ type: unknown }>;
}

export async function metricsPage(): Promise<string> {
  const { registry } = createMetrics({
    version: '',
    controllers: [],
    resources: [],
    actions: [],
    backendStates: [],
  });
  const metrics = registry.getMetricsAsArray() as unknown as Described[];
  const rows = metrics.map(async (metric) => {
    const labels = metric.labelNames.map((label) => `\`${label}\``).join(', ');
    return row(`\`${metric.name}\``, String((await metric.get()).type), labels, metric.help);
  });
  return `# Metrics

Served as \`/metrics\` on \`--metrics-address\`, besides the usual \`process_*\` and \`nodejs_*\`. Series of known labels are there
with 0 from the start.

${table(['metric', 'type', 'labels', 'meaning'], (await Promise.all(rows)).toSorted())}
`;
}
