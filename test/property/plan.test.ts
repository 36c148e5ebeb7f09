import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addressOf,
  type BackendKey,
  backendKey,
  type KnownRow,
  knownRow,
  knownRows,
  type Row,
  slotOf,
} from '../../src/membership/backend.ts';
import { type GivenState, type Member, wantMembers } from '../../src/membership/desired/member.ts';
import type { Batch } from '../../src/membership/plan/batches.ts';
import type { BackendRecord, Claim } from '../../src/membership/plan/claim.ts';
import { type GroupPlan, type PlanInput, planGroup } from '../../src/membership/plan/plan.ts';
import { BATCH_SIZE, type ByHand, type History, history, inputOf, type Records } from './group-history.ts';
import { GroupModel } from './group-model.ts';

interface Moment {
  readonly input: PlanInput;
  readonly plan: GroupPlan;
}

/**
 * Goes through a history as the operator does: plans, remembers what the plan reports, carries out part of the plan, and plans
 * again. `check` sees every moment; the last plan is carried out in full.
 */
function live({ rows, steps }: History, check: (moment: Moment, group: GroupModel) => void): void {
  const group = new GroupModel(rows);
  let records: Records = new Map();
  let now = 1_000_000;
  steps.forEach((step, i) => {
    for (const change of step.byHand) doByHand(group, change);
    now += step.clock;
    const input = inputOf(step, group.rows, records, now);
    const plan = planGroup(input);
    records = recordsOf(plan);
    check({ input, plan }, new GroupModel(group.rows));
    const applied = i === steps.length - 1 ? plan.batches.length : step.applied;
    for (const batch of plan.batches.slice(0, applied)) group.apply(batch);
  });
}

function doByHand(group: GroupModel, change: ByHand): void {
  const { rows } = group;
  if (change.do === 'put') group.put(change.row);
  else {
    const row = rows[change.index];
    if (row === undefined) return;
    if (change.do === 'drop') group.drop(backendKey(row));
    else group.put({ ...row, weight: change.weight });
  }
}

const recordsOf = ({ reports }: GroupPlan): Records =>
  new Map(reports.map(({ claim, records }) => [claim.uid, records]));

/** The same world after the plan, for an operator that remembers what the plan reported. */
function after({ input, plan }: Moment, group: GroupModel): PlanInput {
  const records = recordsOf(plan);
  return {
    ...input,
    rows: knownRows(group.rows),
    claims: input.claims.map((claim) => ({ ...claim, records: records.get(claim.uid) ?? claim.records })),
    leavingForMs: () => Number.POSITIVE_INFINITY,
  };
}

/**
 * Carries the plan out. Rows held by minBackends can go, and departing members can rest, once others have replaced them, and what
 * lingers goes in the end: that takes a second plan.
 */
function settle(moment: Moment, group: GroupModel): Moment {
  for (const batch of moment.plan.batches) group.apply(batch);
  const input = after(moment, group);
  const next = { input, plan: planGroup(input) };
  const held = moment.plan.reports.some(({ records }) =>
    [...records.values()].some(({ state }) => state === 'Held'),
  );
  const departs = moment.input.claims.some((claim) => givenBy(claim).some(({ departing }) => departing));
  const lingers = moment.plan.lingering.length > 0;
  return (held || departs || lingers) && next.plan.batches.length > 0 ? settle(next, group) : next;
}

const changesOf = (batches: readonly Batch[], action?: Batch['action']) =>
  batches
    .filter((batch) => action === undefined || batch.action === action)
    .flatMap(({ changes }) => changes);

const membersOf = ({ desired }: Claim): readonly Member[] =>
  desired.kind === 'members' ? desired.members : [];
const activeOf = ({ claims }: PlanInput) => claims.filter(({ suspended }) => !suspended);
const isKnown = ({ tag, records }: Claim, row: Row) =>
  row.description === tag || records.has(backendKey(row));
const isProven = ({ tag, records }: Claim, row: Row) => {
  const record = records.get(backendKey(row));
  return row.description === tag || (record !== undefined && !record.stranger);
};

const fills = (row: Row, { ip, instanceId, port }: Member) =>
  [ip, instanceId].includes(addressOf(row)) && row.port === port;

/** Whether the binding may want this row, and a live pod or node is behind it, as far as anybody can know. */
function isAliveFor({ eniOf }: PlanInput, row: Row, claim: Claim): boolean {
  if (!claim.granted && !isProven(claim, row)) return false;
  return membersOf(claim).some((member) => {
    if (!fills(row, member)) return false;
    const eni = member.ip === undefined ? undefined : eniOf(member.ip, member.podUID);
    return row.type === 'ecs' || eni === undefined || eni === row.serverId;
  });
}

const givenBy = ({ desired }: Claim): readonly GivenState[] =>
  desired.kind === 'members' ? desired.members : [...desired.given.values()];

/** What is known of a row that the binding keeps although it is undetermined. */
const heldAs = (claim: Claim, row: Row): GivenState | undefined =>
  claim.desired.kind === 'undetermined' && isProven(claim, row)
    ? claim.desired.given.get(slotOf(row))
    : undefined;
const holdsAlive = (claim: Claim, row: Row) => heldAs(claim, row) !== undefined;

function always(name: string, numRuns: number, check: (moment: Moment, group: GroupModel) => void): void {
  test(name, () => {
    fc.assert(
      fc.property(history, (past) => live(past, check)),
      { numRuns },
    );
  });
}

always(
  'every batch is one that the API takes: not over the size, no row twice, nothing there added, nothing absent changed',
  1_500,
  ({ plan }, group) => {
    const keys = changesOf(plan.batches).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const batch of plan.batches) {
      expect(batch.changes.length).toBeGreaterThan(0);
      expect(batch.changes.length).toBeLessThanOrEqual(BATCH_SIZE);
      group.apply(batch);
    }
  },
);

always('no call more than the changes need', 1_000, ({ plan }) => {
  for (const action of ['remove', 'set', 'add'] as const) {
    const calls = plan.batches.filter((batch) => batch.action === action).length;
    expect(calls).toBe(Math.ceil(changesOf(plan.batches, action).length / BATCH_SIZE));
  }
});

always('what belongs to somebody else is not touched', 1_000, ({ input, plan }) => {
  const rows = new Map(input.rows.map(({ key, row }) => [key, row]));
  for (const { key } of changesOf(plan.batches)) {
    const row = rows.get(key);
    if (row === undefined) continue;
    const active = activeOf(input);
    const allowed =
      input.claims.some((claim) => isKnown(claim, row)) ||
      active.some(
        (claim) => claim.ownership === 'Exclusive' && claim.desired.kind === 'members' && !claim.deleting,
      ) ||
      active.some((claim) => claim.mode === 'RemoveOnly' && isAliveFor(input, row, claim));
    expect(allowed).toBe(true);
  }
});

always(
  'what a suspended binding owns is not touched, and still its own afterwards',
  1_000,
  ({ input, plan }) => {
    const written = new Set(changesOf(plan.batches).map(({ key }) => key));
    for (const { claim, records } of plan.reports) {
      if (!claim.suspended || claim.deleting) continue;
      for (const { row } of input.rows.filter((one) => isProven(claim, one.row))) {
        expect(written.has(backendKey(row))).toBe(false);
        expect(records.has(backendKey(row))).toBe(true);
      }
    }
  },
);

always(
  'a binding that is not granted the group adds nothing, and comes to own no row that is not its own',
  1_000,
  ({ input, plan }) => {
    const rows = new Map(input.rows.map(({ key, row }) => [key, row]));
    for (const { claim, records } of plan.reports) {
      if (claim.granted) continue;
      const isOwn = (key: BackendKey) => {
        const row = rows.get(key);
        return row !== undefined && isKnown(claim, row);
      };
      const changes = plan.batches.flatMap(({ action, changes }) =>
        changes.filter((change) => change.claim === claim.id).map(({ key }) => ({ action, key })),
      );
      expect(changes.filter(({ action, key }) => action === 'add' || !isOwn(key))).toEqual([]);
      expect([...records.keys()].filter((key) => !isOwn(key))).toEqual([]);
    }
  },
);

always(
  'one that has no row in the group changes nothing of what is done for the others',
  1_000,
  ({ input, plan }) => {
    const isIdle = (claim: Claim) => !claim.granted && !input.rows.some(({ row }) => isKnown(claim, row));
    const others = input.claims.filter((claim) => !isIdle(claim));
    expect(planGroup({ ...input, claims: others }).batches).toEqual(plan.batches);
  },
);

always(
  'a row that a binding wants and that leads to a live pod or node is neither removed nor drained',
  1_000,
  ({ input, plan }) => {
    const rows = new Map(input.rows.map(({ key, row }) => [key, row]));
    for (const { action, changes } of plan.batches) {
      for (const { key, row: after } of changes) {
        const row = rows.get(key);
        const alive =
          row && activeOf(input).some((claim) => isAliveFor(input, row, claim) || holdsAlive(claim, row));
        if (row === undefined || !alive) continue;
        expect(action).toBe('set');
        const weights = activeOf(input).flatMap((claim) => membersOf(claim).filter((one) => fills(row, one)));
        const held = activeOf(input).flatMap((claim) => heldAs(claim, row) ?? []);
        const isAtRest = [...weights, ...held].some(({ drained, departing }) => drained || departing);
        if (after.weight === 0) expect(isAtRest || weights.some(({ weight }) => weight === 0)).toBe(true);
      }
    }
  },
);

always(
  'removals go first, then weights, then additions, but for one batch that keeps the group from being empty',
  1_000,
  ({ plan }, group) => {
    const rank = { remove: 0, set: 1, add: 2 };
    const early = plan.batches.findIndex((batch, i) => {
      const next = plan.batches[i + 1];
      return next !== undefined && rank[batch.action] > rank[next.action];
    });
    const ordered = plan.batches.filter((_, i) => i !== early).map(({ action }) => rank[action]);
    expect(ordered).toEqual([...ordered].sort());
    if (early === -1) return;
    for (const batch of plan.batches.slice(0, early)) group.apply(batch);
    expect(group.usable).toBeGreaterThan(0);
    const without = new GroupModel(group.rows);
    without.apply(plan.batches[early + 1] as Batch);
    expect(without.usable).toBe(0);
    expect(plan.batches[early]?.urgent).toBe(true);
  },
);

always(
  'never leaves a group that takes requests with nobody to take them while a usable backend waits to be added',
  1_000,
  ({ plan }, group) => {
    const waiting = changesOf(plan.batches, 'add').some(({ row }) => row.weight > 0);
    if (group.usable === 0 || !waiting) return;
    for (const batch of plan.batches) {
      group.apply(batch);
      expect(group.usable).toBeGreaterThan(0);
    }
  },
);

always(
  'the last that take requests are not taken out while others that would are still to be added',
  1_000,
  ({ input, plan }, group) => {
    const rows = new Map(group.rows.map((row) => [backendKey(row), row]));
    const isFilled = (member: Member) => group.rows.some((row) => fills(row, member));
    const awaits = activeOf(input).some(
      (claim) =>
        claim.mode === 'Sync' &&
        claim.granted &&
        membersOf(claim).some((one) => one.weight > 0 && isSteady(one) && !isFilled(one)),
    );
    for (const batch of plan.batches) group.apply(batch);
    if (!awaits || group.usable > 0) return;
    for (const { key, row: after } of changesOf(plan.batches)) {
      const row = rows.get(key);
      const isOther = input.claims.some((claim) => membersOf(claim).some((member) => fills(after, member)));
      if (row === undefined || row.weight === 0 || isOther) continue;
      const owners = input.claims.filter((claim) => isProven(claim, row));
      expect(owners.map(({ deleting }) => deleting)).toContain(true);
      expect(owners.map(({ deleting }) => deleting)).not.toContain(false);
    }
  },
);

always('once carried out, what is on a drained node has weight 0', 1_000, (moment, group) => {
  settle(moment, group);
  for (const claim of activeOf(moment.input)) {
    for (const member of membersOf(claim).filter(({ drained }) => drained)) {
      for (const row of group.rows.filter((one) => fills(one, member) && isProven(claim, one))) {
        const suspended = moment.input.claims.some((other) => other.suspended && isProven(other, row));
        if (!suspended && isAliveFor(moment.input, row, claim)) expect(row.weight).toBe(0);
      }
    }
    for (const row of group.rows.filter((one) => heldAs(claim, one)?.drained)) {
      const suspended = moment.input.claims.some((other) => other.suspended && isProven(other, row));
      if (!suspended) expect(row.weight).toBe(0);
    }
  }
});

function departingAs(input: PlanInput, change: GivenState): PlanInput {
  const as = <T extends GivenState>({ departing, ...one }: T) => (departing ? { ...one, ...change } : one);
  const claims = input.claims.map((claim) => {
    const { desired } = claim;
    if (desired.kind === 'members') return { ...claim, desired: wantMembers(desired.members.map(as)) };
    const given = new Map([...desired.given].map(([slot, one]) => [slot, as(one)] as const));
    return { ...claim, desired: { ...desired, given } };
  });
  return { ...input, claims };
}

const weightsOf = ({ weight, drained, departing }: Member): readonly number[] => {
  if (drained) return [0];
  return departing ? [0, weight] : [weight];
};

const isSteady = ({ drained, departing }: GivenState) => !drained && !departing;

/** The rows that receive requests, of members that are not departing. */
function steadyRows(input: PlanInput, group: GroupModel): readonly Row[] {
  return group.rows.filter((row) =>
    activeOf(input).some((claim) => {
      const held = heldAs(claim, row);
      const wants =
        isAliveFor(input, row, claim) && membersOf(claim).some((one) => fills(row, one) && isSteady(one));
      return row.weight > 0 && (wants || (held !== undefined && isSteady(held)));
    }),
  );
}

always(
  'once carried out, what departs has weight 0 as if it was drained where others take requests, else as if it did not',
  1_000,
  (moment, group) => {
    const start = group.rows;
    settle(moment, group);
    const others = steadyRows(moment.input, group).length > 0;
    const twin = new GroupModel(start);
    const input = departingAs(moment.input, others ? { drained: true } : {});
    settle({ input, plan: planGroup(input) }, twin);
    const shown = (of: GroupModel) => of.rows.map((row) => `${backendKey(row)}*${row.weight}`).sort();
    expect(shown(group)).toEqual(shown(twin));
  },
);

always('never takes a binding below its minBackends', 1_000, ({ input, plan }, group) => {
  const before = group.rows;
  for (const batch of plan.batches) group.apply(batch);
  for (const claim of activeOf(input)) {
    if (claim.deleting) continue;
    const strangers = claim.ownership === 'Exclusive' && claim.desired.kind === 'members';
    const isOwn = (row: Row) =>
      isProven(claim, row) || (strangers && !input.claims.some((other) => isProven(other, row)));
    const own = new Set(before.filter(isOwn).map(backendKey));
    const recorded = plan.reports.find((report) => report.claim === claim)?.records;
    const left = group.rows.filter(
      (row) => own.has(backendKey(row)) || recorded?.has(backendKey(row)),
    ).length;
    expect(left).toBeGreaterThanOrEqual(Math.min(claim.minBackends, own.size));
  }
});

always('what only a status would tell after a crash waits for the status', 1_000, ({ input }) => {
  const claims = input.claims.map((claim) => ({ ...claim, shows: () => false }));
  const { batches, reports, lingering } = planGroup({ ...input, claims });
  for (const { row, claim } of changesOf(batches, 'set')) {
    const by = claims.find(({ id, mode }) => id === claim && mode === 'RemoveOnly');
    const isStranger = by?.ownership === 'Exclusive' && !isProven(by, row) && !isAliveFor(input, row, by);
    if (by !== undefined && !isStranger) expect(row.weight).not.toBe(0);
  }
  const removed = new Set(changesOf(batches, 'remove').map(({ key }) => key));
  for (const { row, key } of input.rows.filter((one) => !removed.has(one.key))) {
    for (const { claim, records, passing } of reports) {
      if (!isProven(claim, row) || claim.suspended || records.has(key)) continue;
      const isTagged = reports.some((heir) => heir.claim.tag === row.description && heir.records.has(key));
      const isUntouched = claims.some((other) => other.suspended && isProven(other, row));
      const isLeaving = lingering.includes(key) || reports.some((heir) => leaves(heir, key));
      expect(passing || isTagged || isUntouched || isLeaving).toBe(true);
    }
  }
});

const leaves = ({ records }: GroupPlan['reports'][number], key: BackendKey) =>
  ['Removing', 'Draining', 'Held'].includes(records.get(key)?.state ?? '');

always('a second plan over the result of the first does nothing', 1_000, (moment, group) => {
  expect(settle(moment, group).plan.batches).toEqual([]);
});

always(
  'once carried out, the group holds what is wanted and nothing more of ours',
  1_000,
  (moment, group) => {
    const { input } = moment;
    const settled = settle(moment, group).plan;
    for (const claim of activeOf(input)) {
      for (const member of membersOf(claim)) {
        const there = group.rows.some((row) => fills(row, member));
        const addable = member.ip === undefined || input.eniOf(member.ip, member.podUID) !== undefined;
        if (claim.mode === 'Sync' && claim.mayAdd && addable) expect(there).toBe(true);
      }
    }
    for (const { claim, records } of settled.reports) {
      for (const { row, state } of records.values()) {
        if (input.claims.some((one) => one.suspended && isKnown(one, row))) continue;
        expect(state).not.toBe('Removing');
        const wanted = isAliveFor(input, row, claim) || holdsAlive(claim, row);
        if (state === 'Registered') expect(wanted).toBe(true);
        if (state === 'Draining' && !wanted)
          expect(group.rows.find((one) => backendKey(one) === backendKey(row))?.weight).toBe(0);
      }
    }
  },
);

always(
  'a row of ours that the first Sync binding wants has the weight that it wants',
  1_000,
  (moment, group) => {
    const { input } = moment;
    for (const { claim, records } of settle(moment, group).plan.reports) {
      if (claim !== input.claims[0] && claim.id !== input.claims[0]?.id) continue;
      if (claim.suspended || claim.mode !== 'Sync' || !claim.mayAdd) continue;
      for (const member of membersOf(claim)) {
        for (const row of group.rows.filter((one) => fills(one, member))) {
          const isOurs = records.has(backendKey(row));
          const othersSuspended = input.claims.some((other) => other.suspended && isProven(other, row));
          if (isOurs && !othersSuspended && isAliveFor(input, row, claim))
            expect(weightsOf(member)).toContain(row.weight);
        }
      }
    }
  },
);

always('the order of the rows changes nothing', 1_000, ({ input, plan }) => {
  const reversed = planGroup({ ...input, rows: [...input.rows].reverse() });
  expect(reversed.batches).toEqual(plan.batches);
  expect(reversed.lookups.map(({ slot }) => slot)).toEqual(plan.lookups.map(({ slot }) => slot));
  expect(reversed.wakeAt).toEqual(plan.wakeAt);
  const byKey = ({ reports }: GroupPlan) =>
    reports.map(({ records }) => [...records].sort(([a], [b]) => (a < b ? -1 : 1)));
  expect(byKey(reversed)).toEqual(byKey(plan));
});

always(
  'before the group was read nothing is planned but removals of rows that were recorded',
  1_000,
  ({ input }) => {
    const rows = new Map<BackendKey, KnownRow>();
    for (const { records } of input.claims)
      for (const [key, { row }] of records) rows.set(key, knownRow(row));
    const { batches } = planGroup({ ...input, rows: [...rows.values()], rowsAre: 'presumed' });
    for (const { action, changes } of batches) {
      expect(action).toBe('remove');
      for (const { key } of changes) expect(rows.has(key)).toBe(true);
    }
  },
);

always('rows of one cohort share no batch with others, and refused ones are not sent', 1_000, ({ input }) => {
  const number = (key: string) => [...key].reduce((sum, c) => sum + c.charCodeAt(0), 0);
  const cohorts = { get: (key: BackendKey) => (number(key) % 3 === 0 ? undefined : number(key) % 3) };
  const refused = { has: (key: BackendKey) => number(key) % 5 === 0 };
  for (const { changes } of planGroup({ ...input, cohorts, refused }).batches) {
    expect(new Set(changes.map(({ key }) => cohorts.get(key))).size).toBe(1);
    expect(changes.some(({ key }) => refused.has(key))).toBe(false);
  }
});

/** One binding, one row, and a pod that leaves: whatever happens to the calls in between, the outcome depends on time alone. */
const DRAIN_MS = 10_000;
const turns = fc.array(
  fc.record({
    clock: fc.integer({ min: 0, max: 4_000 }),
    applied: fc.boolean(),
    byHand: fc.option(fc.constantFrom(1, 70), { nil: undefined }),
  }),
  { maxLength: 12 },
);

function oneRow(mode: Claim['mode'], weight: number) {
  const row: Row = {
    serverId: 'eni-1',
    serverIp: '10.0.0.1',
    port: 80,
    type: 'eni',
    weight,
    description: 'manual',
  };
  const member: Member = {
    slot: '10.0.0.1#80' as Member['slot'],
    type: 'eni',
    ip: '10.0.0.1',
    port: 80,
    weight: 100,
    podUID: 'p',
    pod: 'p',
  };
  let records: ReadonlyMap<BackendKey, BackendRecord> = new Map([
    [backendKey(row), { row, state: 'Registered', podUID: 'p', pod: 'p' }],
  ]);
  const group = new GroupModel([row]);
  const turn = (now: number, wanted: boolean, applied: boolean) => {
    const claim: Claim = {
      id: 'ns/a',
      uid: 'a',
      tag: 'vsgb/c/ns/a',
      mode,
      ownership: 'Shared',
      records,
      drainMs: DRAIN_MS,
      minBackends: 0,
      desired: wantMembers(wanted ? [member] : []),
      suspended: false,
      deleting: false,
      granted: true,
      mayAdd: true,
      shows: () => true,
      formerAt: () => undefined,
      livePods: { has: () => true },
      readyPods: { has: () => true },
      liveNodes: { has: () => true },
      drainedNodes: { has: () => false },
      doubtfulNodes: { has: () => false },
    };
    const plan = planGroup({
      rows: knownRows(group.rows),
      rowsAre: 'shown',
      claims: [claim],
      eniOf: () => 'eni-1',
      refused: new Set<BackendKey>(),
      cohorts: new Map(),
      additionsBlocked: false,
      isFull: false,
      rowsPerCall: { remove: BATCH_SIZE, set: BATCH_SIZE, add: BATCH_SIZE },
      unshownForMs: () => 0,
      leavingForMs: () => 0,
      now,
    });
    records = plan.reports[0]?.records ?? records;
    if (applied) for (const batch of plan.batches) group.apply(batch);
    return plan;
  };
  return { group, row, turn };
}

test('a drain ends drainMs after it began, whatever is planned, lost or changed by hand in between', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('Sync' as const, 'RemoveOnly' as const),
      fc.constantFrom(0, 1, 100),
      turns,
      (mode, weight, list) => {
        const { group, row, turn } = oneRow(mode, weight);
        const began = 1_000_000;
        let now = began;
        turn(now, false, false);
        for (const { clock, applied, byHand } of list) {
          now += clock;
          if (byHand !== undefined && group.has(backendKey(row))) group.put({ ...row, weight: byHand });
          const { batches, wakeAt } = turn(now, false, applied);
          const removes = batches.some(({ action }) => action === 'remove');
          expect(removes || !group.has(backendKey(row))).toBe(now >= began + DRAIN_MS);
          if (now < began + DRAIN_MS) expect(wakeAt).toBe(began + DRAIN_MS);
          if (now >= began + DRAIN_MS) return;
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test('a member that is wanted again during its drain gets back the weight it had, whatever is lost in between', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('Sync' as const, 'RemoveOnly' as const),
      fc.constantFrom(1, 30, 100),
      fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 8 }),
      (mode, weight, list) => {
        const { group, turn } = oneRow(mode, weight);
        for (const [wanted, applied] of list) turn(1_000_000, wanted, applied);
        turn(1_000_000, true, true);
        expect(group.rows.map((row) => row.weight)).toEqual([mode === 'Sync' ? 100 : weight]);
        expect(turn(1_000_000, true, true).reports[0]?.records.values().next().value?.state).toBe(
          'Registered',
        );
      },
    ),
    { numRuns: 1_000 },
  );
});
