import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';

/**
 * The name of this cluster in the tags of its backends, unless --cluster-id is given: the UID of namespace kube-system, which
 * exists as long as the cluster.
 */
export async function readClusterUid(transport: KubeTransport, signal: AbortSignal): Promise<string> {
  const { metadata } = await transport.request<{ metadata?: { uid?: string } }>(
    'GET',
    '/api/v1/namespaces/kube-system',
    { signal },
  );
  if (metadata?.uid === undefined) throw new Error('namespace kube-system has no UID: give --cluster-id');
  return metadata.uid;
}
