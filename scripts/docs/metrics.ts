import { createMetrics } from '../../src/observability/metrics.ts';
import { row, table } from './table.ts';

interface Registered {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  get(): Promise<{ type: unknown }>;
}

/** Every metric defined by the operator itself. */
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

const isOwn = ({ name }: { readonly name: string }) => name.startsWith('vsgb_');

export async function metricsPage(): Promise<string> {
  const metrics = (await describedMetrics()).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const labelsOf = (labels: readonly string[]) => labels.map((label) => `\`${label}\``);
  const rows = metrics
    .filter(isOwn)
    .map(({ name, type, labels, help }) => row(`\`${name}\``, [type, ...labelsOf(labels)].join(', '), help));
  const usual = metrics
    .filter((metric) => !isOwn(metric))
    .map(({ name, labels }) =>
      labels.length === 0 ? `\`${name}\`` : `\`${name}\` (${labelsOf(labels).join(', ')})`,
    );
  return `# Metrics

Served as \`/metrics\` on \`--metrics-address\`. Series of known labels start at 0.

${table(['metric', 'type, labels', 'meaning'], rows)}

Besides \`process_*\` and \`nodejs_*\`, these are as in
[controller-runtime](https://book.kubebuilder.io/reference/metrics-reference), with their labels: ${usual.join(', ')}.
`;
}
