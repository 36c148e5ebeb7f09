/** What the bindings of a namespace may change, by the namespace's annotation (`GRANTS_ANNOTATION`). */
export interface Grants {
  /** By the id of a vServer group, or of a load balancer for all its groups. */
  readonly byId: ReadonlyMap<string, 'shared' | 'exclusive'>;
  /** Entries that cannot be parsed. */
  readonly unreadable: readonly string[];
}

/**
 * What a binding may do in its group.
 *
 * - `exclusive`: everything that its spec says.
 * - `shared`: the same, but it leaves rows of others alone, whatever `spec.ownership` says.
 * - `none`: it adds nothing and takes nothing over. Its live backends stay, and the others leave as usual.
 * - `undecided`: like `none`, until the id of the group or of its load balancer is known.
 * - `unknown`: like `none`, until the namespace is known; until then the cloud is not called.
 */
export type Grant = 'exclusive' | 'shared' | 'none' | 'undecided' | 'unknown';

export interface GrantQuestion {
  /** Undefined if the namespace is not known (yet). */
  readonly grants: Grants | undefined;
  /** Undefined if the group must be found by its name. */
  readonly vServerGroupId: string | undefined;
  /** Undefined until the group has been read. */
  readonly loadBalancerId: string | undefined;
  /** Whether the binding was served or refused so far, by its status; undefined if neither. */
  readonly before: 'served' | 'refused' | undefined;
}

/**
 * The namespace's grant in a group. The first row that fits:
 *
 * | the namespace lists                               | not known yet     | the binding was | = grant   |
 * |---------------------------------------------------|-------------------|-----------------|-----------|
 * | the group or its load balancer, with `:Exclusive` | –                 | –               | exclusive |
 * | the group or its load balancer                    | –                 | –               | shared    |
 * | groups                                            | the group         | –               | undecided |
 * | load balancers                                    | the load balancer | –               | undecided |
 * | an entry that cannot be parsed                    | –                 | served          | shared    |
 * | anything else, or nothing                         | –                 | –               | none      |
 * | –                                                 | the namespace     | served          | shared    |
 * | –                                                 | the namespace     | refused         | none      |
 * | –                                                 | the namespace     | neither         | unknown   |
 *
 * A typo in the annotation takes nothing from a binding that works, and gives it no rights over rows of others.
 */
export function grantOf({ grants, vServerGroupId, loadBalancerId, before }: GrantQuestion): Grant {
  if (grants === undefined) return asBefore(before);
  const { byId, unreadable } = grants;
  const listed = [vServerGroupId, loadBalancerId].map((id) => id && byId.get(id));
  if (listed.includes('exclusive')) return 'exclusive';
  if (listed.includes('shared')) return 'shared';
  const lists = (kind: 'rsp-' | 'lb-') => [...byId.keys()].some((id) => id.startsWith(kind));
  const mayBe =
    (vServerGroupId === undefined && lists('rsp-')) || (loadBalancerId === undefined && lists('lb-'));
  if (mayBe) return 'undecided';
  return before === 'served' && unreadable.length > 0 ? 'shared' : 'none';
}

function asBefore(before: GrantQuestion['before']): Grant {
  if (before === undefined) return 'unknown';
  return before === 'served' ? 'shared' : 'none';
}

const SEPARATORS = /[ ,\n]+/;
const ENTRY = /^(?<id>(?:rsp|lb)-[0-9a-z-]{1,60})(?<exclusive>:Exclusive)?$/;

/** An id listed both with and without `:Exclusive` counts as exclusive. The policies in deploy/policies parse it in the same way. */
export function parseGrants(annotation: string): Grants {
  const byId = new Map<string, 'shared' | 'exclusive'>();
  const unreadable: string[] = [];
  for (const entry of annotation.split(SEPARATORS).filter((one) => one !== '')) {
    const { id, exclusive } = ENTRY.exec(entry)?.groups ?? {};
    if (id === undefined) unreadable.push(entry);
    else if (exclusive !== undefined || !byId.has(id))
      byId.set(id, exclusive === undefined ? 'shared' : 'exclusive');
  }
  return { byId, unreadable };
}
