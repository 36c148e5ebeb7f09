/** What a namespace lets its bindings change, by its annotation (`GRANTS_ANNOTATION`). */
export interface Grants {
  /** By the id of a vServer group, or of a load balancer, which stands for all of its groups. */
  readonly byId: ReadonlyMap<string, 'shared' | 'exclusive'>;
  /** Entries that can't be read. */
  readonly unreadable: readonly string[];
}

/**
 * What a binding may do in its group.
 *
 * - `exclusive`: all that its spec says.
 * - `shared`: the same, but rows of others are left alone, whatever `spec.ownership` says.
 * - `none`: it adds and takes over nothing. Its live backends stay, and the others leave as usual.
 * - `undecided`: as `none`, until it is known which group it is, or of which load balancer.
 * - `unknown`: as `none`, until the namespace is known; not even the cloud is asked.
 */
export type Grant = 'exclusive' | 'shared' | 'none' | 'undecided' | 'unknown';

export interface GrantQuestion {
  /** Undefined: the namespace is not known (yet). */
  readonly grants: Grants | undefined;
  /** Undefined: it has to be found by its name. */
  readonly vServerGroupId: string | undefined;
  /** Undefined: not known before the group is read. */
  readonly loadBalancerId: string | undefined;
  /** What became of the binding until now, by its status; undefined: nothing yet. */
  readonly before: 'served' | 'refused' | undefined;
}

/**
 * What a namespace is granted in a group. The first row that fits:
 *
 * | the namespace lists                               | not known yet     | the binding was | = grant   |
 * |---------------------------------------------------|-------------------|-----------------|-----------|
 * | the group or its load balancer, with `:Exclusive` | –                 | –               | exclusive |
 * | the group or its load balancer                    | –                 | –               | shared    |
 * | groups                                            | the group         | –               | undecided |
 * | load balancers                                    | the load balancer | –               | undecided |
 * | an entry that can't be read                       | –                 | served          | shared    |
 * | anything else, or nothing                         | –                 | –               | none      |
 * | –                                                 | the namespace     | served          | shared    |
 * | –                                                 | the namespace     | refused         | none      |
 * | –                                                 | the namespace     | neither         | unknown   |
 *
 * A typing error in the annotation takes nothing from a binding that works, and gives it no rights over rows of others.
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

/** Of an id that is listed with and without `:Exclusive`, the former counts. The policies of deploy/policies read it in the same way. */
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
