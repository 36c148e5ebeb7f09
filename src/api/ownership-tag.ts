import { createHash } from 'node:crypto';
import { TAG_PREFIX } from './names.ts';

const HASH_LENGTH = 32;

/**
 * The Description that marks a backend as a binding's own: `vsgb/<cluster>/<namespace>/<name>`, or `vsgb/<cluster>/<hash of
 * namespace/name>` if that is longer than `longest` characters. The call that adds the backend sets it, so no backend is ever in a group
 * without its owner's mark.
 */
export function ownershipTag(clusterId: string, namespace: string, name: string, longest: number): string {
  const tag = `${TAG_PREFIX}/${clusterId}/${namespace}/${name}`;
  if (tag.length <= longest) return tag;
  const hash = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, HASH_LENGTH);
  return `${TAG_PREFIX}/${clusterId}/${hash}`;
}
