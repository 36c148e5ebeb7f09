import { GRANTS_ANNOTATION } from '../../api/names.ts';
import type { Stored } from '../../kubernetes/informer/store.ts';
import { identity, metadata, strings } from '../../kubernetes/objects/metadata.ts';
import { type Grants, parseGrants } from '../../membership/grants.ts';

/** What is cached of a namespace; the key is its name. */
export interface NamespaceObject extends Stored {
  /** The grants annotation as written. */
  readonly annotation: string;
  readonly grants: Grants;
}

export function transformNamespace(object: unknown): NamespaceObject {
  const { key, resourceVersion } = identity(object, 'cluster');
  const annotation = strings(metadata(object)['annotations'])[GRANTS_ANNOTATION] ?? '';
  return { key, resourceVersion, annotation, grants: parseGrants(annotation) };
}
