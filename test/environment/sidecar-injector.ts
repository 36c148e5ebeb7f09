import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import type { Workloads } from '../../lab/environment/workloads.ts';
import { issueCertificate } from '../../src/webhook/certificate/issue-certificate.ts';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const DAY = 24 * 60 * 60_000;

/**
 * A third-party mutating webhook: new pods of the namespace get an additional container named proxy. API servers call webhooks in
 * the order of the names of their configurations.
 */
export async function injectSidecars(app: Workloads, name: string): Promise<AsyncDisposable> {
  const pair = issueCertificate({
    host: 'localhost',
    notBefore: Date.now() - DAY,
    notAfter: Date.now() + DAY,
  });
  const server = createServer(pair, async (request, response) => {
    const { request: review } = JSON.parse(await text(request)) as Review;
    const has = review.object.spec.containers.some(({ name }) => name === 'proxy');
    const patch = [{ op: 'add', path: '/spec/containers/-', value: { name: 'proxy', image: 'proxy' } }];
    const answer = { uid: review.uid, allowed: true, ...(!has && patchOf(patch)) };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ apiVersion: V1, kind: 'AdmissionReview', response: answer }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await app.api.create(CONFIGURATIONS, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: 'sidecar.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        clientConfig: {
          url: `https://localhost:${port}/`,
          caBundle: Buffer.from(pair.cert).toString('base64'),
        },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': app.namespace } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
    ],
  } as KubeObject);
  return {
    async [Symbol.asyncDispose]() {
      await app.api.delete(`${CONFIGURATIONS}/${name}`);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Review {
  readonly request: {
    readonly uid: string;
    readonly object: { readonly spec: { readonly containers: readonly { readonly name: string }[] } };
  };
}

const V1 = 'admission.k8s.io/v1';

const patchOf = (patch: object) => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
});
