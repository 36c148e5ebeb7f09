import type { ApiError } from '../../cloud/api-error.ts';
import { type GroupRef, groupName } from '../../cloud/group-ref.ts';
import { addressOf, type BackendKey, type KnownRow, type Row } from '../../membership/backend.ts';
import type { Member } from '../../membership/desired/member.ts';
import type { BackendRecord } from '../../membership/plan/claim.ts';
import type { ClaimReport } from '../../membership/plan/plan.ts';
import type { Registration } from '../../membership/readiness/gate.ts';
import { NOT_GRANTED, ROLE_NOT_ALLOWED } from '../binding/granted.ts';
import { messages } from '../binding/messages.ts';
import { type BindingFacts, FINALIZER_NOT_WRITTEN } from '../binding/verdict.ts';

/** The state of a group after its reconcile, as far as it concerns one binding. */
export type GroupFacts = Pick<BindingFacts, 'group' | 'granted' | 'report' | 'missingEnis' | 'unwritten'>;

/** How far a binding is with one pod: a Registration without its times. */
export type Progress =
  | Extract<Registration, { is: 'exempt' }>
  | Omit<Extract<Registration, { is: 'waiting' }>, 'timeoutMs'>
  | {
      readonly is: 'registered';
      /** The rows that are the pod's. */
      readonly backends: readonly BackendKey[];
    };

/**
 * How far the binding is with a pod, by the pod's UID. The first matching row decides.
 *
 * | the group                       | the pod                                                        | = progress             |
 * |---------------------------------|----------------------------------------------------------------|------------------------|
 * | –                               | what the binding wants is undetermined, as the lists lag       | waiting                |
 * | –                               | what the binding wants is undetermined, such as a missing port | exempt                 |
 * | has a row known to be the pod's | is a member there, and the row has a weight if it should       | registered             |
 * | has somebody else's row         | is a member, and its ENI is known                              | registered             |
 * | –                               | any other                                                      | waiting, with a reason |
 *
 * A row is *known to be the pod's* when its record has the pod's UID: a row at the pod's address may belong to the previous
 * pod (plan.ts). While the port changes, the pod also has rows where it is no member.
 */
export class GroupRegistrations {
  readonly #facts: GroupFacts;
  readonly #report: ClaimReport;
  #members: ReadonlyMap<string, readonly Member[]> | undefined;
  #records: Map<string, [BackendKey, BackendRecord][]> | undefined;
  #rows:
    | { readonly listed: readonly KnownRow[]; readonly byKey: ReadonlyMap<BackendKey, KnownRow> }
    | undefined;

  constructor(facts: GroupFacts, report: ClaimReport) {
    this.#facts = facts;
    this.#report = report;
  }

  of(podUID: string): Progress {
    const { desired } = this.#report.claim;
    if (desired.kind === 'undetermined')
      return desired.lagging
        ? { is: 'waiting', hasRow: true, ...desired.problem }
        : { is: 'exempt', ...desired.problem };
    const { rows } = this.#facts.group.view;
    const members = this.#membersOf(podUID);
    const held = this.#rowsOf(podUID);
    for (const member of members) {
      const here = held.filter(({ row }) => isAt(row, member));
      if (!this.#isIn(member, here)) continue;
      const backends = here.length > 0 ? here : this.#rowsAt(member);
      return { is: 'registered', backends: backends.map(({ key }) => key) };
    }
    const hasRow = rows === undefined || held.length > 0;
    return { is: 'waiting', hasRow, ...this.#obstacleTo(members[0]) };
  }

  #isIn(member: Member, here: readonly KnownRow[]): boolean {
    const rests = member.weight === 0 || member.drained || member.departing;
    if (here.some(({ row }) => row.weight > 0 || rests)) return true;
    const isHere = ({ slot }: Member) => slot === member.slot;
    const { missingEnis } = this.#facts;
    return this.#report.foreignMembers.some(isHere) && !missingEnis.some((one) => isHere(one.member));
  }

  #obstacleTo(member: Member | undefined): Obstacle {
    const { group, granted, missingEnis, unwritten } = this.#facts;
    const { ref, attempts } = group;
    const { id } = this.#report.claim;
    if (member === undefined)
      return {
        reason: 'NotAnEndpoint',
        message: `the pod is not an endpoint of the Service of binding ${id}`,
      };
    if (granted.is === 'none')
      return { reason: NOT_GRANTED, message: messages.groupNotGranted(granted, ref) };
    if (granted.is === 'no role')
      return { reason: ROLE_NOT_ALLOWED, message: messages.roleNotAllowed(id, granted, groupName(ref)) };
    if (unwritten?.write === 'add')
      return { reason: FINALIZER_NOT_WRITTEN, message: messages.finalizerNotAdded(unwritten, ref) };
    const refusal = [...attempts.refusals.values()].find(({ row }) => isAt(row, member));
    if (refusal !== undefined) return told(refusal.error);
    const failure = attempts.failures.get('add') ?? attempts.failures.get('describe');
    if (failure !== undefined) return told(failure.error);
    const lookup = missingEnis.find((one) => one.member.slot === member.slot)?.lookup;
    if (lookup?.state === 'failed') return told(lookup.error);
    if (lookup?.state !== 'missing') return changing(ref);
    const message = `no ENI has the address ${member.ip ?? ''}, so that ${groupName(ref)} can't have the pod`;
    return { reason: 'EniNotFound', message };
  }

  /** Several for a pod that lists name by several addresses; one of them in the group is enough. */
  #membersOf(podUID: string): readonly Member[] {
    const { desired } = this.#report.claim;
    const members = desired.kind === 'members' ? desired.members : [];
    this.#members ??= Map.groupBy(members, (one) => one.podUID ?? '');
    return this.#members.get(podUID) ?? [];
  }

  /** The rows at the member's address, which are somebody else's. */
  #rowsAt(member: Member): readonly KnownRow[] {
    return (this.#facts.group.view.rows ?? []).filter(({ row }) => isAt(row, member));
  }

  /** The rows recorded for the pod that the group shows. */
  #rowsOf(podUID: string): readonly KnownRow[] {
    this.#records ??= Map.groupBy(this.#report.records, ([, one]) => one.podUID ?? '');
    const { rows: listed = [] } = this.#facts.group.view;
    if (this.#rows?.listed !== listed)
      this.#rows = { listed, byKey: new Map(listed.map((one) => [one.key, one])) };
    const { byKey } = this.#rows;
    return (this.#records.get(podUID) ?? []).flatMap(([key]) => byKey.get(key) ?? []);
  }
}

/** Why a pod is not registered. */
type Obstacle = Pick<Extract<Registration, { is: 'waiting' }>, 'reason' | 'message'>;

function isAt(row: Row, { ip, instanceId, port }: Member): boolean {
  return row.port === port && addressOf(row) === (row.type === 'ecs' ? instanceId : ip);
}

function told({ reason, message }: ApiError): Obstacle {
  return { reason, message };
}

function changing(group: GroupRef): Obstacle {
  return { reason: 'Progressing', message: `${groupName(group)} does not have the pod yet` };
}
