import { type AssumedRole, type GroupRef, roleKey } from '../../../cloud/group-ref.ts';
import { Attempts } from './attempts.ts';
import { GroupView } from './group-view.ts';
import { LeavingRows } from './leaving.ts';
import { WritePace } from './pace.ts';
import { UnshownRows } from './unshown.ts';
import { WithheldBatches } from './withheld.ts';

/**
 * What the operator knows of one server group. None of it outlives the process: a restart begins with an empty state and
 * relies on the group itself and the bindings' status.
 */
export class GroupState {
  readonly view: GroupView;
  readonly attempts: Attempts;
  readonly pace = new WritePace();
  readonly leaving = new LeavingRows();
  readonly unshown = new UnshownRows();
  readonly withheld = new WithheldBatches();
  /** When the names of bindings that are not granted the group were last looked up (`Clock.now()` milliseconds). */
  namesAskedAt: number;
  /** How often roles had been refused at the last choice. */
  #roleRefusals = 0;

  /** `now`: when the group is first due to be read (`Clock.now()` milliseconds). `random`: from 0 to 1. */
  constructor(ref: GroupRef, now: number, random: () => number) {
    this.namesAskedAt = now;
    this.view = new GroupView(ref, now);
    this.attempts = new Attempts(random);
  }

  get ref(): GroupRef {
    return this.view.ref;
  }

  /**
   * Sets the role for later calls: the first of `roles`; when it is refused, the next one, after the pause of the refused call. One
   * that is accepted stays as long as it counts. What a role that no longer counts was refused may be allowed to this one, so its
   * failures are forgotten.
   */
  callWith(roles: readonly AssumedRole[]): void {
    const before = roles.findIndex((one) => roleKey(one) === roleKey(this.ref.role));
    const isRefused = this.attempts.roleRefusals > this.#roleRefusals;
    this.#roleRefusals = this.attempts.roleRefusals;
    if (before >= 0 && !isRefused) return;
    const role = roles[(before + 1) % roles.length];
    if (roleKey(role) === roleKey(this.ref.role)) return;
    this.view.ref = { ...this.ref, role };
    if (before >= 0) return;
    this.attempts.forget();
    this.#roleRefusals = 0;
  }

  /** The group belongs to another account, and there is no role to assume for it. */
  get isOutOfReach(): boolean {
    return this.ref.account !== undefined && this.ref.role === undefined;
  }
}
