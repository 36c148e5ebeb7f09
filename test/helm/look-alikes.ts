/** Placeholders of `NAMED`, and for each a name that YAML 1.1, as Helm reads it, takes for something other than text. */
export const LOOK_ALIKES: Readonly<Record<string, string>> = {
  ...{ zzrelease: 'no', zznamespace: '123', zzfull: 'yes', zzchart: 'on', zzrole: 'null' },
  ...{ zzwatched: 'off', zzother: '0x1f', zzkeys: '1e3', zzlease: '12', zzrepository: '60', zztag: '30' },
  ...{ zzpull: '0b1', zzaccount: '1e2', zzhook: '7', zzauthority: '1234', zzcertificate: 'y' },
  ...{ zzserver: '1.5', zzlabel: 'true', zznote: '~', zzclass: '017', zzarg: 'n', zzpool: '0o7' },
  zzsettings: 'false',
};

/** Every value that takes a name or other text has one of these. */
export const NAMED = {
  region: 'cn-hangzhou',
  clusterId: 'zzsettings',
  namespaces: ['zzwatched', 'zzother'],
  config: { VSGB_LOG_LEVEL: 'zzsettings' },
  extraArgs: ['--log-level=zzarg'],
  extraEnv: [{ name: 'zzarg', value: 'zznote' }],
  leaderElection: { leaseName: 'zzlease' },
  image: { repository: 'zzrepository', tag: 'zztag', pullSecrets: [{ name: 'zzpull' }] },
  serviceAccount: { name: 'zzaccount', annotations: { note: 'zznote' } },
  ...{ grants: { required: true }, readinessGates: { enabled: true } },
  webhook: { enabled: true, tls: { existingSecret: 'zzhook', caBundle: 'zzauthority' } },
  metrics: {
    tls: { existingSecret: 'zzcertificate', serverName: 'zzserver' },
    serviceMonitor: { enabled: true, labels: { label: 'zzlabel' } },
    prometheusRule: { enabled: true, labels: { label: 'zzlabel' } },
    dashboard: { enabled: true, labels: { label: 'zzlabel' }, annotations: { note: 'zznote' } },
  },
  nodeSelector: { pool: 'zzpool' },
  priorityClassName: 'zzclass',
  commonLabels: { label: 'zzlabel' },
  podLabels: { pod: 'zzlabel' },
  podAnnotations: { note: 'zznote' },
};
