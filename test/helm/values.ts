const REQUIRED = {
  region: 'cn-hangzhou',
  image: { repository: 'registry.example.com/vservergroup-operator' },
} as const;

/** Typical sets of values. */
export const VALUES = {
  least: REQUIRED,
  rrsa: {
    ...REQUIRED,
    vpcId: 'vpc-bp1example',
    credentials: { rrsa: { roleName: 'vservergroup-operator' } },
  },
  'rrsa token': {
    ...REQUIRED,
    credentials: {
      rrsa: {
        roleArn: 'acs:ram::1234567890123456:role/vservergroup-operator',
        oidcProviderArn: 'acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123',
      },
    },
  },
  'access key': {
    ...REQUIRED,
    vpcId: 'vpc-bp1example',
    credentials: { existingSecret: 'vservergroup-operator-credentials' },
  },
  monitored: {
    ...REQUIRED,
    metrics: {
      serviceMonitor: { enabled: true },
      prometheusRule: { enabled: true },
      dashboard: { enabled: true },
    },
  },
  'guarded metrics': { ...REQUIRED, metrics: { auth: 'kubernetes' } },
  'readiness gates': { ...REQUIRED, readinessGates: { enabled: true } },
  webhook: { ...REQUIRED, readinessGates: { enabled: true }, webhook: { enabled: true } },
  'hold by webhook': { ...REQUIRED, webhook: { enabled: true } },
  grants: { ...REQUIRED, grants: { required: true } },
  namespaces: { ...REQUIRED, vpcId: 'vpc-bp1example', clusterId: 'production', namespaces: ['shop', 'web'] },
  'metrics over HTTPS': {
    ...REQUIRED,
    metrics: {
      auth: 'kubernetes',
      tls: { existingSecret: 'vservergroup-operator-metrics-tls' },
      serviceMonitor: { enabled: true },
      prometheusRule: { enabled: true },
      dashboard: { enabled: true },
    },
  },
  'a proxy with a certificate authority of its own': {
    ...REQUIRED,
    extraEnv: [
      { name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' },
      { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/proxy-ca/ca.crt' },
    ],
    extraVolumes: [{ name: 'proxy-ca', configMap: { name: 'proxy-ca' } }],
    extraVolumeMounts: [{ name: 'proxy-ca', mountPath: '/etc/proxy-ca', readOnly: true }],
    networkPolicy: { extraEgress: [{ ports: [{ port: 3128, protocol: 'TCP' }] }] },
  },
  'places and times': {
    ...REQUIRED,
    config: { VSGB_SHUTDOWN_TIMEOUT: '1m' },
    terminationGracePeriodSeconds: 67,
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
      {
        maxSkew: 2,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { team: 'edge' } },
      },
    ],
  },
  'labels of its own': {
    ...REQUIRED,
    commonLabels: { team: 'edge', cost: 'shared' },
    podLabels: { cost: 'pods' },
    metrics: { dashboard: { enabled: true, labels: { grafana_dashboard: '1', cost: 'dashboards' } } },
  },
  'further objects': {
    ...REQUIRED,
    extraObjects: [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'settings', namespace: '{{ .Release.Namespace }}' },
        data: { region: '{{ .Values.region }}' },
      },
      `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "vservergroup-operator.fullname" . }}-more
  namespace: {{ .Release.Namespace }}
data:
  binding.yaml: |
    kind: VServerGroupBinding
`,
    ],
  },
  'relabelled metrics': {
    ...REQUIRED,
    metrics: {
      serviceMonitor: {
        enabled: true,
        relabelings: [{ action: 'replace', targetLabel: 'cluster', replacement: 'production' }],
        metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'], regex: 'vsgb_group_reads_total' }],
      },
    },
  },
  'beside another release': { ...REQUIRED, crds: { install: false }, userRoles: { create: false } },
  everything: {
    ...REQUIRED,
    vpcId: 'vpc-1',
    clusterId: 'everything',
    credentials: { existingSecret: 'keys' },
    namespaces: ['shop', 'web'],
    config: { VSGB_LOG_LEVEL: 'debug' },
    extraArgs: ['--api-qps=20'],
    extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy.example.com:3128' }],
    extraVolumes: [{ name: 'proxy-ca', configMap: { name: 'proxy-ca' } }],
    extraVolumeMounts: [{ name: 'proxy-ca', mountPath: '/etc/proxy-ca' }],
    replicas: 3,
    leaderElection: { leaseName: 'slb-leader' },
    image: {
      repository: 'registry.example.com/slb/operator',
      digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
      pullPolicy: 'Always',
      pullSecrets: [{ name: 'registry' }],
    },
    serviceAccount: { name: 'operator', annotations: { team: 'edge' } },
    grants: { required: true },
    readinessGates: { enabled: true },
    webhook: {
      enabled: true,
      tls: { existingSecret: 'hook', caBundle: 'QUJD' },
      annotations: { 'cert-manager.io/inject-ca-from': 'slb-system/hook' },
    },
    metrics: {
      auth: 'kubernetes',
      tls: { existingSecret: 'certificate', serverName: 'metrics.example.com' },
      serviceMonitor: {
        enabled: true,
        interval: '15s',
        labels: { release: 'prometheus' },
        relabelings: [{ action: 'replace', targetLabel: 'cluster', replacement: 'production' }],
        metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'], regex: 'vsgb_group_reads_total' }],
      },
      prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
      dashboard: { enabled: true, annotations: { grafana_folder: 'Kubernetes' } },
    },
    podDisruptionBudget: { maxUnavailable: '50%' },
    networkPolicy: { extraEgress: [{ ports: [{ port: 3128, protocol: 'TCP' }] }] },
    resources: { limits: { memory: '1Gi' } },
    nodeSelector: { pool: 'system' },
    tolerations: [{ key: 'pool', operator: 'Equal', value: 'system', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 1,
            preference: { matchExpressions: [{ key: 'arch', operator: 'In', values: ['arm64'] }] },
          },
        ],
      },
    },
    priorityClassName: 'system-cluster-critical',
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'rack',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: {} },
      },
    ],
    terminationGracePeriodSeconds: 40,
    commonLabels: { cost: 'shared' },
    podLabels: { team: 'edge' },
    podAnnotations: { note: 'here' },
    extraObjects: [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'keys', namespace: '{{ .Release.Namespace }}' },
      },
    ],
  },
  'as little as can be': {
    ...REQUIRED,
    replicas: 1,
    crds: { install: false },
    userRoles: { create: false },
    serviceAccount: { create: false, name: 'there-already' },
    podDisruptionBudget: { enabled: false },
    networkPolicy: { enabled: false },
  },
} as const;
