/** The Grafana dashboard. The panels of a row share its 24 columns. */
export function dashboard(): string {
  return `${JSON.stringify(
    {
      title: 'VServerGroup operator',
      uid: 'vservergroup-operator',
      description:
        'Backends of Alibaba Cloud vServer groups, and the operator that keeps them equal to the cluster.',
      tags: ['kubernetes', 'alibaba-cloud', 'slb'],
      schemaVersion: 39,
      version: 1,
      editable: true,
      graphTooltip: 1,
      refresh: '30s',
      time: { from: 'now-3h', to: 'now' },
      annotations: { list: [] },
      templating: {
        list: [
          { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
          {
            name: 'namespace',
            label: 'Namespace of bindings',
            type: 'query',
            datasource: DATASOURCE,
            query: 'label_values(vsgb_backends, namespace)',
            refresh: 2,
            includeAll: true,
            multi: true,
            allValue: '.*',
            current: { text: 'All', value: '$__all' },
          },
        ],
      },
      panels: placed(ROWS),
    },
    null,
    2,
  )}\n`;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own notation
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const WIDTH = 24;

interface Query {
  readonly expr: string;
  readonly legend?: string;
}

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly type: 'stat' | 'timeseries';
  readonly unit?: string;
  readonly stacked?: true;
  /** The value from which it is shown in red. */
  readonly redFrom?: number;
  readonly queries: readonly Query[];
}

interface Row {
  readonly title: string;
  readonly height: number;
  readonly panels: readonly Panel[];
}

const quantile = (q: number, metric: string, labels = '') =>
  `histogram_quantile(${q}, sum by (${['le', ...(labels ? [labels] : [])].join(', ')}) (rate(${metric}_bucket[$__rate_interval])))`;

const ROWS: readonly Row[] = [
  {
    title: 'At a glance',
    height: 4,
    panels: [
      {
        title: 'Oldest backend that should be gone',
        description:
          'How long a backend that left the cluster has waited to be taken out. More than a minute is an alert.',
        type: 'stat',
        unit: 's',
        redFrom: 60,
        queries: [{ expr: 'max(vsgb_oldest_leaver_seconds)' }],
      },
      {
        title: 'Leader',
        description: 'Replicas that hold the Lease: always 1, but for seconds.',
        type: 'stat',
        queries: [{ expr: 'sum(leader_election_master_status{name="vservergroup-operator"})' }],
      },
      {
        title: 'Stalled bindings',
        description: 'Bindings on which nothing goes on until someone acts.',
        type: 'stat',
        redFrom: 1,
        queries: [{ expr: 'sum(vsgb_binding_stalled{namespace=~"$namespace"}) or vector(0)' }],
      },
      {
        title: 'Bindings',
        description: 'Bindings and groups that are looked after.',
        type: 'stat',
        queries: [
          { expr: 'max(vsgb_bindings)', legend: 'bindings' },
          { expr: 'max(vsgb_groups)', legend: 'groups' },
        ],
      },
    ],
  },
  {
    title: 'Backends',
    height: 8,
    panels: [
      {
        title: 'Removal delay',
        description:
          'From the event that a backend left until the API accepted its removal, or weight 0 for a drain.',
        type: 'timeseries',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'vsgb_removal_delay_seconds'), legend: 'p50' },
          { expr: quantile(0.99, 'vsgb_removal_delay_seconds'), legend: 'p99' },
        ],
      },
      {
        title: 'Backends by state',
        description: 'As in status.backends of the bindings.',
        type: 'timeseries',
        stacked: true,
        queries: [{ expr: 'sum by (state) (vsgb_backends{namespace=~"$namespace"})', legend: '{{state}}' }],
      },
      {
        title: 'Changes',
        description: 'Backends added, removed and weighed, each second.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (change) (rate(vsgb_backend_changes_total[$__rate_interval]))',
            legend: '{{change}}',
          },
        ],
      },
      {
        title: 'Drift',
        description: 'Changes of others (removed, added, re-weighted) that were corrected.',
        type: 'timeseries',
        queries: [
          {
            expr: 'sum by (kind) (increase(vsgb_drift_corrections_total[$__rate_interval]))',
            legend: '{{kind}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Rollouts without a failed request',
    height: 8,
    panels: [
      {
        title: 'Pods without hold or gate',
        description:
          'Pods that may still get requests when they are asked to stop; with --readiness-gates also those that do not wait for their group (docs/zero-downtime.md).',
        type: 'timeseries',
        queries: [
          {
            expr: 'sum(vsgb_binding_pods_without_hold{namespace=~"$namespace"}) or vector(0)',
            legend: 'without hold',
          },
          {
            expr: 'sum(vsgb_binding_pods_without_gate{namespace=~"$namespace"}) or vector(0)',
            legend: 'without gate',
          },
        ],
      },
      {
        title: 'Bindings that lose requests',
        description:
          'The ten bindings with the most pods that go on for too short a time after their deletion.',
        type: 'timeseries',
        queries: [
          {
            expr: 'topk(10, max by (namespace, name) (vsgb_binding_pods_without_hold{namespace=~"$namespace"}))',
            legend: '{{namespace}}/{{name}}',
          },
        ],
      },
      {
        title: 'Readiness gates',
        description:
          'Gates opened, closed, and opened for want of time though the pod is not in its groups, each second.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (result) (rate(vsgb_readiness_gate_writes_total[$__rate_interval]))',
            legend: '{{result}}',
          },
        ],
      },
      {
        title: 'Pods seen by the webhook',
        description:
          'New pods by what they got: error and not-ready went without gate and hold, and none was refused.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (result) (rate(vsgb_webhook_requests_total[$__rate_interval]))',
            legend: '{{result}}',
          },
        ],
      },
      {
        title: 'Certificate of the webhook expires in',
        description: 'Nothing is shown where the webhook is off.',
        type: 'timeseries',
        unit: 's',
        queries: [
          {
            expr: '(vsgb_webhook_certificate_expiry_timestamp_seconds > 0) - time()',
            legend: '{{pod}}',
          },
          {
            expr: 'sum(increase(vsgb_webhook_certificate_failures_total[$__rate_interval]))',
            legend: 'failures to read or write it',
          },
        ],
      },
    ],
  },
  {
    title: 'Cloud API',
    height: 8,
    panels: [
      {
        title: 'Calls by code',
        description: "OK, the API's error code, or the kind of network error.",
        type: 'timeseries',
        unit: 'reqps',
        stacked: true,
        queries: [
          { expr: 'sum by (code) (rate(vsgb_api_requests_total[$__rate_interval]))', legend: '{{code}}' },
        ],
      },
      {
        title: 'Time of a call, p99',
        description: 'By action.',
        type: 'timeseries',
        unit: 's',
        queries: [
          { expr: quantile(0.99, 'vsgb_api_request_duration_seconds', 'action'), legend: '{{action}}' },
        ],
      },
      {
        title: 'Throttling',
        description: 'Calls refused because of their rate, and the rate allowed after that.',
        type: 'timeseries',
        unit: 'reqps',
        queries: [
          { expr: 'sum(rate(vsgb_api_throttled_total[$__rate_interval]))', legend: 'refused' },
          { expr: 'min(vsgb_api_rate_limit)', legend: 'allowed' },
          { expr: 'sum by (priority) (vsgb_api_waiting_calls)', legend: 'waiting: {{priority}}' },
        ],
      },
      {
        title: 'Credentials expire in',
        description: 'Nothing is shown for an access key, which does not expire.',
        type: 'timeseries',
        unit: 's',
        queries: [
          {
            expr: '(vsgb_credentials_expiry_timestamp_seconds > 0) - time()',
            legend: '{{pod}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Operator',
    height: 8,
    panels: [
      {
        title: 'Queue',
        description: 'Groups that wait, and for how long.',
        type: 'timeseries',
        queries: [
          { expr: 'sum(workqueue_depth{name="vservergroup"})', legend: 'waiting' },
          {
            expr: 'histogram_quantile(0.99, sum by (le) (rate(workqueue_queue_duration_seconds_bucket{name="vservergroup"}[$__rate_interval])))',
            legend: 'seconds in the queue, p99',
          },
          {
            expr: 'max(workqueue_longest_running_processor_seconds{name="vservergroup"})',
            legend: 'longest work, seconds',
          },
        ],
      },
      {
        title: 'Reconciles by result',
        description: 'An error here is a fault of the operator; what the cloud API refuses is requeued.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (result) (rate(controller_runtime_reconcile_total{controller="vservergroup"}[$__rate_interval]))',
            legend: '{{result}}',
          },
        ],
      },
      {
        title: 'Status writes',
        description: 'Written, unchanged (none needed), conflict or error.',
        type: 'timeseries',
        unit: 'ops',
        queries: [
          {
            expr: 'sum by (result) (rate(vsgb_status_writes_total[$__rate_interval]))',
            legend: '{{result}}',
          },
        ],
      },
      {
        title: 'Watches',
        description: '1 while changes of the resource arrive.',
        type: 'timeseries',
        queries: [{ expr: 'min by (resource) (vsgb_watch_up)', legend: '{{resource}}' }],
      },
    ],
  },
];

function placed(rows: readonly Row[]): object[] {
  let y = 0;
  let id = 0;
  return rows.flatMap(({ title, height, panels }) => {
    const heading = {
      id: ++id,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
    };
    const left = (index: number) => Math.round((index * WIDTH) / panels.length);
    const below = panels.map((panel, index) => ({
      id: ++id,
      ...rendered(panel),
      gridPos: { x: left(index), y: y + 1, w: left(index + 1) - left(index), h: height },
    }));
    y += 1 + height;
    return [heading, ...below];
  });
}

function rendered({ title, description, type, unit = 'short', stacked, redFrom, queries }: Panel): object {
  const steps = [
    { color: 'green', value: null },
    ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }]),
  ];
  const custom = {
    fillOpacity: stacked ? 30 : 5,
    showPoints: 'never',
    ...(stacked && { stacking: { mode: 'normal' } }),
  };
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: 'absolute', steps },
        ...(type === 'timeseries' && { custom }),
      },
      overrides: [],
    },
    options:
      type === 'stat'
        ? {
            reduceOptions: { calcs: ['lastNotNull'] },
            colorMode: 'value',
            graphMode: 'area',
            textMode: 'auto',
            justifyMode: 'auto',
            orientation: 'auto',
            wideLayout: true,
            showPercentChange: false,
            percentChangeColorMode: 'standard',
          }
        : {
            legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
            tooltip: { mode: 'multi', sort: 'desc' },
          },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      ...(legend !== undefined && { legendFormat: legend }),
    })),
  };
}
