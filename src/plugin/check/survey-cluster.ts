import { customResourceDefinition } from '../../api/crd.ts';
import { API_GROUP, PLURAL, SCHEMA_VERSION } from '../../api/names.ts';
import type { Clock } from '../../clock.ts';
import { asArray, asObject, asString, type JsonObject } from '../../json.ts';
import { readVersion } from '../../kubernetes/client/cluster-version.ts';
import { version } from '../../version.ts';
import type { Cluster } from '../command.ts';
import type { ClusterSurvey, InstalledCrd } from './cluster-judgement.ts';
import { ClusterReader } from './cluster-reader.ts';
import { schemaFieldsOf } from './schema-fields.ts';
import type { KubeSeen } from './seen.ts';
import { deploymentsIn, type FoundDeployment } from './survey-deployments.ts';
import { webhooksOf } from './survey-webhooks.ts';

export interface SurveyClusterOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The operator's namespace. */
  readonly namespace: string;
}

export interface ClusterSeen {
  readonly survey: ClusterSurvey;
  readonly pod: FoundDeployment['pod'];
}

/** Only reads, through the API server. Rejects if the signal is aborted. */
export async function surveyCluster(options: SurveyClusterOptions): Promise<ClusterSeen> {
  const { cluster, clock, signal, namespace } = options;
  const reader = new ClusterReader(cluster, signal);
  // First, because everyone may read it and its reply carries the server's time.
  const kubernetes = await reader.see(() => readVersion(cluster.transport, signal));
  const [crd, found, webhooks] = await Promise.all([
    reader.see(async () => crdOf(await reader.get(CRD_PATH))),
    reader.see(() => deploymentsIn(reader, namespace)),
    reader.see(() => webhooksOf(reader, namespace)),
  ]);
  const survey: ClusterSurvey = {
    version: kubernetes,
    crd,
    expectedFields: expectedFields(),
    pluginVersion: version,
    namespace,
    deployments: 'value' in found ? { value: found.value.map(({ deployment }) => deployment) } : found,
    webhooks,
    now: clock.wall() + (cluster.aheadMs() ?? 0),
  };
  return { survey, pod: podIn(namespace, found) };
}

function podIn(namespace: string, found: KubeSeen<readonly FoundDeployment[]>): FoundDeployment['pod'] {
  if ('failure' in found) return { failure: { what: `the Deployments of ${namespace}`, why: found.failure } };
  const pods = found.value.map(({ pod }) => pod);
  const running = pods.find((pod) => 'value' in pod && pod.value !== undefined);
  return running ?? pods.find((pod) => 'failure' in pod) ?? { value: undefined };
}

const CRD_PATH = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${PLURAL}.${API_GROUP}`;

function expectedFields(): readonly string[] {
  const [latest] = customResourceDefinition().spec.versions;
  return schemaFieldsOf(latest?.schema.openAPIV3Schema);
}

function crdOf(object: JsonObject): InstalledCrd {
  const versions = asArray(asObject(object['spec'])['versions']).map(asObject);
  const served = versions.filter((each) => each['served'] === true);
  const known = asObject(served.find(({ name }) => name === SCHEMA_VERSION));
  const conditions = asArray(asObject(object['status'])['conditions']).map(asObject);
  return {
    established: conditions.some(({ type, status }) => type === 'Established' && status === 'True'),
    servedVersions: served.map(({ name }) => asString(name)),
    fields: schemaFieldsOf(asObject(known['schema'])['openAPIV3Schema']),
  };
}
