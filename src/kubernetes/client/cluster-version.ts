import { asObject, asString } from '../../json.ts';
import type { KubeTransport } from './transport-types.ts';

export interface KubernetesVersion {
  readonly major: number;
  readonly minor: number;
}

export async function readVersion(
  transport: Pick<KubeTransport, 'request'>,
  signal: AbortSignal,
): Promise<KubernetesVersion> {
  const version = asObject(await transport.request('GET', '/version', { signal }));
  const [major, minor] = [version['major'], version['minor']].map((part) =>
    Number.parseInt(asString(part), 10),
  );
  if (major === undefined || minor === undefined || Number.isNaN(major) || Number.isNaN(minor))
    throw new Error('the API server reports no version');
  return { major, minor };
}

/**
 * Whether the cluster supports `lifecycle.preStop.sleep`, which is on by default since 1.30. An older API server drops the
 * field and then refuses the pod because its preStop is empty.
 * https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
 */
export async function knowsPreStopSleep(
  transport: Pick<KubeTransport, 'request'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { major, minor } = await readVersion(transport, signal);
  return major > 1 || (major === 1 && minor >= 30);
}
