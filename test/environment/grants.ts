import type { Manifest } from '../../lab/control-plane/api/manifest.ts';
import { targetOf } from './audit-log.ts';

/** One verb on one resource, as a role grants it. */
export interface Grant {
  readonly verb: string;
  /** In the format of an audited request. */
  readonly target: string;
  /** Undefined: all names. */
  readonly name: string | undefined;
}

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
}

/** Everything granted to the ServiceAccount by the roles bound to it in the manifests, verb by verb. */
export function grantsTo(account: string, manifests: readonly Manifest[]): readonly Grant[] {
  const objects = manifests.map(({ object }) => object as unknown as RbacObject);
  return objects
    .filter(({ subjects = [] }) =>
      subjects.some(({ kind, name }) => kind === 'ServiceAccount' && name === account),
    )
    .flatMap(({ roleRef }) =>
      objects.filter(({ kind, metadata }) => kind === roleRef?.kind && metadata.name === roleRef.name),
    )
    .flatMap(({ rules = [] }) => rules.flatMap(grantsOf));
}

function grantsOf({ verbs, apiGroups = [], resources = [], resourceNames }: Rule): Grant[] {
  const names: readonly (string | undefined)[] = resourceNames ?? [undefined];
  return apiGroups.flatMap((apiGroup) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => ({ verb, target: targetOf(apiGroup, resource), name }))),
    ),
  );
}
