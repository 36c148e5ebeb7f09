import type { JournalEntry } from '../../../simulator/journal.ts';
import type { EndpointEvent } from './in-service.ts';
import { groupBy, type Summary, summarize } from './statistics.ts';

const BATCH = 20;
/** Events of one group that are closer together than this form one storm, which the fewest calls could carry. */
const STORM_GAP_MS = 500;

export interface Delays {
  /** From the event as the watcher saw it to the arrival of the first Remove that names the address; negative if the Remove came first. */
  readonly removal: Summary;
  /** How many Removes arrived before the event. */
  readonly before: number;
  /** As `removal`, but to the end of the Remove that took effect. */
  readonly gone: Summary;
  /** Addresses that left and were never removed. */
  readonly lost: number;
  /** Addresses that left and came back before a Remove was needed. */
  readonly returned: number;
}

const REMOVE = 'RemoveVServerGroupBackendServers';
const ADD = 'AddVServerGroupBackendServers';

/** Finds, for each address that left, the call that removed it. `groupOf`: Service → vServer group. */
export function delaysOf(
  events: readonly EndpointEvent[],
  journal: readonly JournalEntry[],
  groupOf: ReadonlyMap<string, string>,
): Delays {
  const callsAt = groupBy(
    journal
      .filter(({ action }) => action === REMOVE || action === ADD)
      .sort((a, b) => a.arrivedAt - b.arrivedAt)
      .flatMap((call) => call.backends.map(({ serverIp }) => ({ place: `${call.group} ${serverIp}`, call }))),
    ({ place }) => place,
  );
  const removal: number[] = [];
  const gone: number[] = [];
  let lost = 0;
  let returned = 0;
  for (const [place, ofPlace] of groupBy(events, ({ service, ip }) => `${groupOf.get(service)} ${ip}`)) {
    const calls = (callsAt.get(place) ?? []).map(({ call }) => call);
    let after = Number.NEGATIVE_INFINITY;
    ofPlace.forEach((event, i) => {
      if (event.kind !== 'leave' || isOut(calls, after) || isUnadded(calls, after, ofPlace[i - 1], event))
        return;
      const until = ofPlace[i + 1]?.at ?? Number.POSITIVE_INFINITY;
      const due = calls.filter(
        ({ action, arrivedAt }) => action === REMOVE && arrivedAt > after && arrivedAt <= until,
      );
      const first = due[0];
      const done = due.find(({ applied }) => applied);
      if (first !== undefined) removal.push(first.arrivedAt - event.at);
      if (done !== undefined) gone.push(done.time - event.at);
      else if (until < Number.POSITIVE_INFINITY) returned++;
      else lost++;
      after = done?.arrivedAt ?? after;
    });
  }
  const before = removal.filter((delay) => delay < 0).length;
  return { removal: summarize(removal), before, gone: summarize(gone), lost, returned };
}

/** Whether the address was removed by the call at that time and has not been added since, so that nothing is left to remove. */
function isOut(calls: readonly JournalEntry[], removedAt: number): boolean {
  return (
    removedAt > Number.NEGATIVE_INFINITY &&
    !calls.some(({ action, arrivedAt }) => action === ADD && arrivedAt > removedAt)
  );
}

/** Whether the address joined and left before it was added (a pod ready for less than --add-window), so that there is nothing to remove. */
function isUnadded(
  calls: readonly JournalEntry[],
  removedAt: number,
  before: EndpointEvent | undefined,
  { at: leftAt }: EndpointEvent,
): boolean {
  return (
    before?.kind === 'join' &&
    !calls.some(({ action, arrivedAt }) => action === ADD && arrivedAt > removedAt && arrivedAt <= leftAt)
  );
}

/** The fewest calls that could have carried the events: ⌈leavers / 20⌉ plus ⌈joiners / 20⌉ for each group and storm. */
export function fewestCalls(events: readonly EndpointEvent[], groupOf: ReadonlyMap<string, string>): number {
  let calls = 0;
  const told = events.filter(({ kind }) => kind !== 'back');
  for (const ofOne of groupBy(told, ({ service, kind }) => `${groupOf.get(service)} ${kind}`).values()) {
    let storm = 0;
    ofOne.forEach(({ at }, i) => {
      storm++;
      const next = ofOne[i + 1];
      if (next !== undefined && next.at - at < STORM_GAP_MS) return;
      calls += Math.ceil(storm / BATCH);
      storm = 0;
    });
  }
  return calls;
}
