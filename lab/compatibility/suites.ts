/** An end-to-end file that is run on each version of Kubernetes. */
export interface Suite {
  readonly subject: string;
  /** Below test/e2e, without `.test.ts`. */
  readonly file: string;
  /** Run with each major version of Helm. */
  readonly withHelm?: true;
}

export const SUITES: readonly Suite[] = [
  { subject: 'Manifests', file: 'deploy/manifests' },
  { subject: 'Rules of the CRD', file: 'deploy/binding-rules' },
  { subject: 'kustomize', file: 'deploy/kustomize' },
  { subject: 'Chart', file: 'deploy/helm', withHelm: true },
  { subject: 'Values of the chart', file: 'deploy/chart-values', withHelm: true },
  { subject: 'Commands of the docs', file: 'deploy/documented-commands', withHelm: true },
  { subject: 'Rights of the operator', file: 'deploy/least-privilege' },
  { subject: 'Admission policies of the grants', file: 'tenancy/policies' },
  { subject: 'EndpointSlices and Endpoints', file: 'membership/sources' },
  { subject: 'Leaving', file: 'membership/leaving' },
  { subject: 'Nodes as backends', file: 'membership/ecs' },
  { subject: 'Readiness gates', file: 'readiness/gates' },
  { subject: 'Admission policy of the gates', file: 'readiness/rights' },
  { subject: 'Termination hold', file: 'readiness/hold' },
  { subject: 'Webhook', file: 'webhook/webhook' },
  { subject: 'Lists and watches', file: 'faults/reflector' },
  { subject: 'Leader election', file: 'faults/high-availability' },
  { subject: 'Plugin', file: 'programs/plugin' },
];

/** Feature gates of Kubernetes that the manifests depend on, and what for. */
export const FEATURES: Readonly<Record<string, string>> = {
  PodLifecycleSleepAction: '`preStop.sleep`: termination hold, webhook',
  ValidatingAdmissionPolicy: 'readiness gates, webhook',
  PDBUnhealthyPodEvictionPolicy: '`unhealthyPodEvictionPolicy` of the PodDisruptionBudget',
};
