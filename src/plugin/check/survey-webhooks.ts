import { API_GROUP } from '../../api/names.ts';
import { asArray, asObject, asString } from '../../json.ts';
import { KubeApiError } from '../../kubernetes/client/api-error.ts';
import { metadata } from '../../kubernetes/objects/metadata.ts';
import { namespaced } from '../../kubernetes/objects/objects.ts';
import type { InstalledWebhook } from './cluster-judgement.ts';
import type { ClusterReader } from './cluster-reader.ts';

/** No value of the chart changes it, unlike labels. */
const WEBHOOK = `pods.zero-downtime.${API_GROUP}`;

/** The webhooks whose Service is in the operator's namespace. */
export async function webhooksOf(
  reader: ClusterReader,
  namespace: string,
): Promise<readonly InstalledWebhook[]> {
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  const configurations = await reader.list(path);
  const installed = await Promise.all(
    configurations.map(async (object) => {
      const webhooks = asArray(object['webhooks']).map(asObject);
      const { clientConfig } = asObject(webhooks.find(({ name }) => name === WEBHOOK));
      const { service, caBundle } = asObject(clientConfig);
      const { name, port = 443, namespace: of } = asObject(service);
      // Webhooks of operators in other namespaces are skipped.
      return of === namespace
        ? await webhookOf(reader, namespace, {
            configuration: asString(metadata(object)['name']),
            service: asString(name),
            port: Number(port),
            caBundle: Buffer.from(asString(caBundle), 'base64').toString('utf8'),
          })
        : [];
    }),
  );
  return installed.flat();
}

interface WebhookReference {
  readonly configuration: string;
  readonly service: string;
  readonly port: number;
  readonly caBundle: string;
}

async function webhookOf(
  reader: ClusterReader,
  namespace: string,
  { configuration, service, port, caBundle }: WebhookReference,
): Promise<readonly InstalledWebhook[]> {
  const slices = namespaced('/apis/discovery.k8s.io/v1', 'endpointslices', namespace);
  const readyEndpoints = await reader.see(async () => {
    const found = await reader.list(slices, { labelSelector: `kubernetes.io/service-name=${service}` });
    return found
      .flatMap(({ endpoints }) => asArray(endpoints).map(asObject))
      .filter(({ conditions }) => asObject(conditions)['ready'] !== false).length;
  });
  const proxy = `${namespaced('/api/v1', 'services', namespace)}/https:${service}:${port}/proxy/`;
  const answers = await reader.see(() => answered(reader, proxy));
  return [{ name: configuration, service, caBundle, readyEndpoints, answers }];
}

/** The webhook server answers unknown paths with 404 and no body, whereas refusals by the API server itself have a reason. */
async function answered(reader: ClusterReader, path: string): Promise<void> {
  try {
    await reader.get(path);
  } catch (error) {
    if (error instanceof KubeApiError && error.reason === '' && error.status < 500) return;
    throw error;
  }
}
