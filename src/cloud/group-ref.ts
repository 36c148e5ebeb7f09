/** A RAM role to use for calls instead of the operator's own credentials. */
export interface AssumedRole {
  readonly roleArn: string;
  /** The external id, if the role's trust policy requires one. */
  readonly externalId?: string | undefined;
}

/** The region and account of a cloud resource. */
export interface Scope {
  readonly regionId: string;
  /** Account id, if a binding names a role in that account; undefined: the account of the operator's own credentials. */
  readonly account?: string | undefined;
  /** The role to use for calls. If undefined while `account` is set, no role of the account may be assumed and no call is made. */
  readonly role?: AssumedRole | undefined;
}

/** A group is identified by its region, account and id. */
export interface GroupRef extends Scope {
  /** The word for it in messages: `vServer group`. */
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

/** The group's name in all messages. */
export function groupName({ kind, id, ...scope }: GroupRef): string {
  return `${kind} ${id} (${scopeName(scope)})`;
}

/** Returns `cn-hangzhou` or `cn-hangzhou, account 1234567890123456`. */
export function scopeName({ regionId, account }: Scope): string {
  return account === undefined ? regionId : `${regionId}, account ${account}`;
}

/** The account of a role, from its ARN: `acs:ram::1234567890123456:role/slb`. */
export function accountOfRole({ roleArn }: AssumedRole): string {
  const start = roleArn.indexOf('::') + 2;
  return roleArn.slice(start, roleArn.indexOf(':', start));
}

/** Equal for roles that are assumed in the same way; they share sessions and refusals. */
export function roleKey(role: AssumedRole | undefined): string {
  return role === undefined ? '' : `${role.roleArn} ${role.externalId ?? ''}`;
}
