/** A group is one of a region. */
export interface GroupRef {
  /** As messages call it: `vServer group`. */
  readonly kind: string;
  readonly regionId: string;
  readonly id: string;
}

/** The group that a binding's `spec.vServerGroupId` names. */
export function vServerGroup(regionId: string, id: string): GroupRef {
  return { kind: 'vServer group', regionId, id };
}

/** As every message names it. */
export function groupName({ kind, regionId, id }: GroupRef): string {
  return `${kind} ${id} (${regionId})`;
}
