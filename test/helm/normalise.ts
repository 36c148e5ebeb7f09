import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';

/**
 * The fields that only the chart has: the release of an object, so that a second release is possible; a checksum that restarts the
 * pods when the settings change; and the annotation that keeps the CRD when the release is uninstalled. kustomize has no releases,
 * and restarts the pods by the hash in the ConfigMap's name.
 */
const OF_THE_CHART: ReadonlySet<string> = new Set([
  'app.kubernetes.io/instance',
  'app.kubernetes.io/version',
  'app.kubernetes.io/managed-by',
  'helm.sh/chart',
  'helm.sh/resource-policy',
  'checksum/config',
]);

/** The suffix of a generated ConfigMap's name: kustomize encodes ten hexadecimal digits. */
const HASH = /^(vservergroup-operator-config)-[2456789bcdfghkmt]{10}$/;

/** Objects by kind and name, without the chart's own fields and without the namespace, which Helm leaves to its user. */
export function normalised(objects: readonly KubeObject[]): Readonly<Record<string, unknown>> {
  const named = objects
    .filter(({ kind }) => kind !== 'Namespace')
    .map((object) => without(object) as KubeObject)
    .map((object) => [`${object.kind} ${object.metadata.name}`, object] as const);
  return Object.fromEntries(named.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (typeof value === 'string') return value.replace(HASH, '$1');
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .filter(([key]) => !OF_THE_CHART.has(key))
    .map(([key, inner]) => [key, without(inner)] as const)
    .filter(([key, inner]) => key !== 'annotations' || Object.keys(inner as object).length > 0);
  return Object.fromEntries(kept);
}
