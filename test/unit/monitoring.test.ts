import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { BACKEND_STATES } from '../../src/api/vservergroupbinding.ts';
import { CONTROLLER } from '../../src/controller/group-loop.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
}

const rules: readonly Rule[] = parse(read('deploy/monitoring/alerts.yaml')).groups.flatMap(
  ({ rules }: { rules: Rule[] }) => rules,
);
const panels: readonly Panel[] = JSON.parse(read('deploy/monitoring/dashboard.json')).panels;
const shown = panels.filter(({ type }) => type !== 'row');

const metrics = createMetrics({
  version: '',
  controllers: [CONTROLLER],
  resources: [],
  actions: [],
  backendStates: BACKEND_STATES,
});
const described = metrics.registry.getMetricsAsArray() as unknown as readonly {
  readonly name: string;
  readonly labelNames: readonly string[];
  readonly type?: string;
  readonly buckets?: readonly number[];
}[];

/** The labels of each series by its name, as scraped. */
const series = new Map<string, readonly string[]>(
  described.flatMap(({ name, labelNames, buckets }) =>
    buckets === undefined
      ? [[name, labelNames]]
      : [
          [`${name}_bucket`, [...labelNames, 'le']],
          [`${name}_sum`, labelNames],
          [`${name}_count`, labelNames],
        ],
  ),
);

/** Labels that Prometheus adds for the scraped target. */
const TARGET = ['job', 'instance', 'namespace', 'pod', 'service'];
/** Label values that are the same in every installation. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  controller: [CONTROLLER],
  name: [CONTROLLER, 'vservergroup-operator'],
  state: BACKEND_STATES,
  code: ['OK'],
};

/** Unknown names in a PromQL expression: such an expression is valid, but never finds anything. */
function faultsOf(expr: string): string[] {
  const faults: string[] = [];
  const labels = new Set(TARGET);
  for (const [, name = '', , matchers = ''] of expr.matchAll(
    /\b((?:vsgb|controller_runtime|workqueue|leader_election|rest_client|process|nodejs)_\w+)(\{([^}]*)\})?/g,
  )) {
    const known = series.get(name);
    if (known === undefined) {
      faults.push(`no metric ${name}`);
      continue;
    }
    for (const label of known) labels.add(label);
    for (const [, label = '', operator = '', value = ''] of matchers.matchAll(
      /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g,
    )) {
      if (!known.includes(label)) faults.push(`${name} has no label ${label}`);
      if (operator === '=' && VALUES[label]?.includes(value) === false)
        faults.push(`${label} is never ${value}`);
    }
  }
  for (const [, by = ''] of expr.matchAll(/\b(?:by|without|on)\s*\(([^)]*)\)/g)) {
    for (const label of by.split(',').map((one) => one.trim())) {
      if (!labels.has(label)) faults.push(`nothing has a label ${label}`);
    }
  }
  if (!/\b(vsgb|controller_runtime|workqueue|leader_election)_/.test(expr)) faults.push('no metric at all');
  return faults;
}

describe('a check of expressions', () => {
  test.each([
    ['sum(vsgb_nothing)', ['no metric vsgb_nothing']],
    ['rate(vsgb_removal_delay_seconds[5m])', ['no metric vsgb_removal_delay_seconds']],
    ['vsgb_backends{sate="Held"}', ['vsgb_backends has no label sate']],
    ['vsgb_backends{state="Gone"}', ['state is never Gone']],
    ['sum by (group, code) (vsgb_oldest_leaver_seconds)', ['nothing has a label code']],
    ['sum by (le) (rate(vsgb_removal_delay_seconds_bucket[5m]))', []],
  ])('%s', (expr, faults) => {
    expect(faultsOf(expr)).toEqual(faults);
  });
});

describe('alerts', () => {
  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for metrics that there are',
    (_, { expr }) => {
      expect(faultsOf(expr)).toEqual([]);
    },
  );

  test.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s has a severity, a summary of one sentence, a next step and a section in the docs',
    (_, { alert, labels, annotations }) => {
      expect(alert).toMatch(/^VServerGroup[A-Z]\w+$/);
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations['summary']).toMatch(/^[^\n]{20,120}\.$/);
      expect(annotations['description']).toMatch(/\.$/);
      expect(read('docs/monitoring.md')).toContain(`### ${alert}\n`);
    },
  );

  test('commands and expressions in their texts name metrics that there are', () => {
    for (const { annotations } of rules) {
      for (const [, code = ''] of (annotations['description'] ?? '').matchAll(/`([^`]*vsgb_[^`]*)`/g))
        expect(faultsOf(code)).toEqual([]);
    }
  });

  test('each has a test of its rule', () => {
    const tested: { tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[] } = parse(
      read('test/monitoring/alerts.test.yaml'),
    );
    const cases = tested.tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    for (const { alert } of rules) {
      const own = cases.filter(({ alertname }) => alertname === alert);
      expect(own.some(({ exp_alerts = [] }) => exp_alerts.length > 0)).toBe(true);
      expect(own.some(({ exp_alerts = [] }) => exp_alerts.length === 0)).toBe(true);
    }
  });
});

test('what docs/monitoring.md leaves out is there, and no alert or panel asks for it', () => {
  const [, regex = ''] =
    /sourceLabels: \[__name__\], regex: '([^']+)'/.exec(read('docs/monitoring.md')) ?? [];
  const left = new RegExp(`^(?:${regex})$`);
  const prefixed = (prefix: string) => `${prefix}_something`;
  expect(['nodejs', 'process', 'rest_client'].map(prefixed).every((name) => left.test(name))).toBe(true);
  const asked = [
    ...rules.map(({ expr }) => expr),
    ...shown.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ];
  const names = asked.flatMap((expr) => expr.match(/\b[a-z][a-z_]+_[a-z_]+\b/g) ?? []);
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => left.test(name))).toEqual([]);
});

describe('the dashboard', () => {
  const targets = shown.flatMap(({ title, targets = [] }) =>
    targets.map((target) => [title, target] as const),
  );

  test.each(targets)('%s asks for metrics that there are', (_, { expr }) => {
    expect(faultsOf(expr.replaceAll('$__rate_interval', '5m'))).toEqual([]);
  });

  test.each(targets)(
    '%s names its lines by labels that the query keeps',
    (_, { expr, legendFormat = '' }) => {
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, by = '']) => by.split(', '));
        expect(kept.length === 0 ? TARGET : kept).toContain(label);
      }
    },
  );

  test('shows what an operator of it watches', () => {
    const asked = targets.map(([, { expr }]) => expr).join('\n');
    for (const name of [
      'vsgb_removal_delay_seconds_bucket',
      'vsgb_oldest_leaver_seconds',
      'vsgb_api_requests_total',
      'vsgb_backends{',
      'vsgb_drift_corrections_total',
      'vsgb_api_throttled_total',
      'workqueue_depth',
      'leader_election_master_status',
      'vsgb_status_writes_total',
      'vsgb_binding_pods_without_hold',
      'vsgb_binding_pods_without_gate',
      'vsgb_readiness_gate_writes_total',
      'vsgb_webhook_requests_total',
      'vsgb_webhook_certificate_expiry_timestamp_seconds',
    ])
      expect(asked).toContain(name);
  });

  test('its panels have an id each, a description each, and do not overlap', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { description } of shown) expect(description).toMatch(/\.$/);
  });
});
