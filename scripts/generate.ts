// Writes every generated file; with --check, only reports which files differ, and fails if any does.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { customResourceDefinition } from '../src/api/crd.ts';
import { API_GROUP, KIND, OPERATOR, PLURAL } from '../src/api/names.ts';
import { withArtifactHub } from './chart/artifact-hub.ts';
import { chartReadme } from './chart/readme.ts';
import type { Value } from './chart/values.ts';
import { chartValues, valuesSchema } from './chart/values-schema.ts';
import { apiPage } from './docs/api.ts';
import { flagsPage } from './docs/flags.ts';
import { english, messagesPage } from './docs/messages.ts';
import { chinese } from './docs/messages-zh.ts';
import { metricsPage } from './docs/metrics.ts';
import { pluginPage } from './docs/plugin.ts';
import { promisedNames } from './docs/promised-names.ts';
import { dashboard } from './monitoring/dashboard.ts';

const CHART = `deploy/helm/${OPERATOR}`;
const HEALTH = 'deploy/argocd/health.lua';
const PROMISED_NAMES = 'docs/promised-names.txt';
const ALERTS = 'deploy/monitoring/alerts.yaml';

interface Generator {
  readonly path: string;
  render(): string | Promise<string>;
}

const root = join(import.meta.dirname, '..');

const generators: readonly Generator[] = [
  {
    path: `crds/${API_GROUP}_${PLURAL}.yaml`,
    render: () => `# Made by \`npm run generate\` from src/api.\n${yaml(customResourceDefinition())}`,
  },
  { path: 'docs/flags.md', render: flagsPage },
  { path: 'docs/metrics.md', render: metricsPage },
  { path: 'docs/messages.md', render: () => messagesPage(english) },
  { path: 'docs/zh/messages.md', render: () => messagesPage(chinese) },
  { path: 'docs/api.md', render: apiPage },
  { path: 'docs/plugin.md', render: pluginPage },
  {
    path: PROMISED_NAMES,
    render: () =>
      promisedNames(read(join(root, PROMISED_NAMES)) ?? '', join(root, CHART, 'values.schema.json')),
  },
  { path: `${CHART}/templates/crd.yaml`, render: crdTemplate },
  { path: `${CHART}/values.schema.json`, render: () => valuesSchema(values()) },
  { path: `${CHART}/README.md`, render: () => chartReadme(values(), source('docs/install.md')) },
  {
    path: `${CHART}/Chart.yaml`,
    render: () => withArtifactHub(source(`${CHART}/Chart.yaml`), source('deploy/samples/binding-eni.yaml')),
  },
  { path: `${CHART}/files/alerts.yaml`, render: () => source(ALERTS) },
  { path: `${CHART}/files/dashboard.json`, render: dashboard },
  { path: 'deploy/monitoring/dashboard.json', render: dashboard },
  { path: 'deploy/monitoring/prometheus-rule.yaml', render: prometheusRule },
  { path: 'deploy/argocd/argocd-cm.yaml', render: argocdHealthCheck },
];

/** A template is upgraded with the release, unlike files in crds/; the bindings must not be deleted with the release. */
function crdTemplate(): string {
  const { metadata, ...crd } = customResourceDefinition();
  const { labels, ...named } = metadata;
  const annotations = { 'helm.sh/resource-policy': 'keep' };
  // The labels come last, so that the user's labels can follow.
  const kept = { ...crd, metadata: { ...named, annotations, labels } };
  const common = '    {{- with .Values.commonLabels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n';
  return `{{- /* Made by \`npm run generate\` from src/api. */}}\n{{- if .Values.crds.install }}\n${yaml(kept)}${common}{{- end }}\n`;
}

function values(): readonly Value[] {
  return chartValues(source(`${CHART}/values.yaml`));
}

function prometheusRule(): string {
  const spec: unknown = parse(source(ALERTS));
  const name = OPERATOR;
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name, namespace: name, labels: { 'app.kubernetes.io/name': name } },
    spec,
  };
  return `# Made by \`npm run generate\` from alerts.yaml.\n${yaml(rule)}`;
}

/** A patch for Argo CD's own ConfigMap. */
function argocdHealthCheck(): string {
  const patch = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'argocd-cm', namespace: 'argocd' },
    data: {
      [`resource.customizations.health.${API_GROUP}_${KIND}`]: source(HEALTH),
    },
  };
  return `# Made by \`npm run generate\` from health.lua.\n${stringify(patch, { blockQuote: 'literal' })}`;
}

/** The text of a source file of the generator. */
function source(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 100, aliasDuplicateObjects: false });
}

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

let stale = 0;
for (const { path, render } of generators) {
  const file = join(root, path);
  const wanted = await render();
  if (read(file) === wanted) continue;
  stale += 1;
  if (options.check) {
    console.error(`${path} differs from its source: run \`npm run generate\` and commit it`);
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
  console.log(`${path} written`);
}
process.exitCode = options.check && stale > 0 ? 1 : 0;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
