import type { JournalEntry } from '../../../simulator/journal.ts';
import type { Endpoint, EndpointChange } from './endpoint-log.ts';

export type Call = Pick<JournalEntry, 'arrivedAt' | 'action' | 'count' | 'backends' | 'code' | 'applied'>;

/** An endpoint that should no longer receive connections, and when that was seen. */
export interface Departure {
  readonly at: number;
  readonly endpoint: Endpoint;
}

export interface Measured {
  readonly departures: readonly Departure[];
  readonly joined: number;
  /** Departures whose address was another pod's before a call was due. */
  readonly reused: number;
  /** From each departure to the arrival of the call that removed the backend or set its weight to 0. */
  readonly delaysMs: readonly number[];
  readonly calls: readonly Call[];
}

/** The API server notifies its watchers one after another: the operator may have acted before we see the event. */
const SEEN_LATE_MS = 100;

export function measure(
  changes: readonly EndpointChange[],
  calls: readonly Call[],
  /** Given if Endpoints do not show who leaves. */
  departures: readonly Departure[] = departuresOf(changes),
): Measured {
  const delaysMs: number[] = [];
  let reused = 0;
  for (const departure of departures) {
    const call = callFor(departure, departures, calls);
    if (call !== undefined) delaysMs.push(Math.max(0, call.arrivedAt - departure.at));
    else if (cameBack(departure, changes)) reused += 1;
  }
  return {
    departures,
    joined: changes.reduce((sum, { joined }) => sum + joined.length, 0),
    reused: reused + changes.reduce((sum, { handedOver }) => sum + handedOver.length, 0),
    delaysMs,
    calls: calls.toSorted((a, b) => a.arrivedAt - b.arrivedAt),
  };
}

export function countByAction(calls: readonly Call[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { action } of calls) counts.set(shortName(action), (counts.get(shortName(action)) ?? 0) + 1);
  return counts;
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  AddVServerGroupBackendServers: 'Add',
  RemoveVServerGroupBackendServers: 'Remove',
  SetVServerGroupAttribute: 'Set weight',
  DescribeVServerGroupAttribute: 'Read group',
  DescribeLoadBalancerAttribute: 'Read load balancer',
  DescribeNetworkInterfaces: 'Look up ENIs',
};

export function shortName(action: string): string {
  return SHORT_NAMES[action] ?? action;
}

function departuresOf(changes: readonly EndpointChange[]): Departure[] {
  return changes.flatMap(({ at, left }) => left.map((endpoint) => ({ at, endpoint })));
}

/** An address can leave several times in one step: each departure is matched with the calls up to the next one. */
function callFor(
  { at, endpoint }: Departure,
  departures: readonly Departure[],
  calls: readonly Call[],
): Call | undefined {
  const next = departures
    .filter((other) => isSame(other.endpoint, endpoint) && other.at > at)
    .reduce((earliest, other) => Math.min(earliest, other.at), Number.POSITIVE_INFINITY);
  const from = at - SEEN_LATE_MS;
  const until = next - SEEN_LATE_MS;
  return calls
    .filter((call) => call.arrivedAt >= from && call.arrivedAt < until && takesOut(call, endpoint))
    .reduce<Call | undefined>(
      (first, call) => (first && first.arrivedAt <= call.arrivedAt ? first : call),
      undefined,
    );
}

function takesOut({ action, backends }: Call, { address, port }: Endpoint): boolean {
  const named = backends.find((backend) => backend.serverIp === address && backend.port === port);
  if (named === undefined) return false;
  return action.startsWith('Remove') || (action.startsWith('Set') && named.weight === 0);
}

function cameBack({ at, endpoint }: Departure, changes: readonly EndpointChange[]): boolean {
  return changes.some((change) => change.at > at && change.joined.some((other) => isSame(other, endpoint)));
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
