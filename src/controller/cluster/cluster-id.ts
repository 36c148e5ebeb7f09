import { type Clock, sleep } from '../../clock.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';

const RETRY_MS = 1_000;

/**
 * What names this cluster in the tags of its backends when --cluster-id does not: the UID of namespace kube-system, which
 * lives as long as the cluster. Nothing can be owned without it, so it is asked for until there is an answer.
 */
export async function readClusterId(
  transport: KubeTransport,
  clock: Clock,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<string> {
  for (;;) {
    try {
      return await readClusterUid(transport, signal);
    } catch (error) {
      signal.throwIfAborted();
      onFailure(error);
    }
    await sleep(clock, RETRY_MS, signal);
  }
}

export async function readClusterUid(transport: KubeTransport, signal: AbortSignal): Promise<string> {
  const { metadata } = await transport.request<{ metadata?: { uid?: string } }>(
    'GET',
    '/api/v1/namespaces/kube-system',
    { signal },
  );
  if (metadata?.uid === undefined) throw new Error('namespace kube-system has no UID: give --cluster-id');
  return metadata.uid;
}
