/** A RAM role that calls are made with instead of the operator's own credentials. */
export interface AssumedRole {
  readonly roleArn: string;
  /** What the role's trust policy asks for besides who assumes it. */
  readonly externalId?: string | undefined;
}

/** Where something of the cloud is. */
export interface Scope {
  readonly regionId: string;
  /** Id of the account, if a binding names a role of one; undefined: whichever the operator's own credentials are of. */
  readonly account?: string | undefined;
  /** What calls are made with. Undefined with an account: no role of it may be assumed, and nothing is called. */
  readonly role?: AssumedRole | undefined;
}

/** A group is one of a region and an account. */
export interface GroupRef extends Scope {
  /** As messages call it: `vServer group`. */
  readonly kind: string;
  readonly id: string;
}

/** The group that a binding's `spec.vServerGroupId` names. */
export function vServerGroup(
  regionId: string,
  id: string,
  { account, role }: Pick<Scope, 'account' | 'role'> = {},
): GroupRef {
  return { kind: 'vServer group', regionId, id, account, role };
}

/** As every message names it. */
export function groupName({ kind, id, ...scope }: GroupRef): string {
  return `${kind} ${id} (${scopeName(scope)})`;
}

/** As `cn-hangzhou` or `cn-hangzhou, account 1234567890123456`. */
export function scopeName({ regionId, account }: Scope): string {
  return account === undefined ? regionId : `${regionId}, account ${account}`;
}

/** The account that a role is of, from its ARN: `acs:ram::1234567890123456:role/slb`. */
export function accountOfRole({ roleArn }: AssumedRole): string {
  const start = roleArn.indexOf('::') + 2;
  return roleArn.slice(start, roleArn.indexOf(':', start));
}

/** The same for roles that are assumed alike: sessions and what they are refused are theirs. */
export function roleKey(role: AssumedRole | undefined): string {
  return role === undefined ? '' : `${role.roleArn} ${role.externalId ?? ''}`;
}
