/** The part of a pod that its gate depends on. */
export interface GatedPodView {
  /** It has a deletionTimestamp, or has ended. */
  readonly leaving: boolean;
  /** It is ready except for the gates of load balancers. */
  readonly registrable: boolean;
  /** The condition of our gate; undefined if there is none, and the gate is closed. */
  readonly gate: Gate | undefined;
}

export interface Gate {
  readonly open: boolean;
  /** One word in UpperCamelCase. */
  readonly reason: string;
}

/** The state of one binding's registration of a pod that it wants in its group. */
export type Registration =
  /** The group has not been read yet, or the pod's health in the load balancer is not known yet (health.ts). */
  | {
      readonly is: 'unknown';
      /** A clause, not a full sentence. */
      readonly message: string;
      readonly timeoutMs: number;
    }
  /** The binding never waits for the pod to be in its group. */
  | { readonly is: 'exempt'; readonly reason: string; readonly message: string }
  | {
      readonly is: 'waiting';
      readonly reason: string;
      /** A clause, not a full sentence. */
      readonly message: string;
      /** A row of the pod is, or may be, in the group, but it is leaving or lacks its weight. */
      readonly hasRow: boolean;
      readonly timeoutMs: number;
    }
  | {
      readonly is: 'registered';
      /** `Clock.now()` milliseconds. */
      readonly since: number;
      /** How long the pod must be in the group before it counts. */
      readonly settleMs: number;
    };

export interface GateInput {
  readonly pod: GatedPodView;
  /** One for each binding that wants the pod. */
  readonly registrations: readonly Registration[];
  /** This process sees all bindings. */
  readonly seesAll: boolean;
  /** When this process first saw that the pod waits only for the gate; `Clock.now()` milliseconds. */
  readonly closedSince: number;
  /** `Clock.now()` milliseconds. */
  readonly now: number;
}

export interface GateVerdict {
  /** The condition to write, if any. */
  readonly gate?: Gate & { readonly message: string };
  /** When the verdict changes by the passing of time alone; `Clock.now()` milliseconds. */
  readonly until?: number;
}

/** Most pods are in their group before that, so they are patched only once. */
const UNTOLD_MS = 3_000;

/** Bindings and Services have their own watches, which may lag behind that of the pods. */
const UNSEEN_MS = 1_000;

export const TIMED_OUT = 'TimedOut';

/**
 * What happens to a pod's gate. The first row that fits:
 *
 * | the pod            | its gate              | the bindings that want it                        | = its gate                      |
 * |--------------------|-----------------------|--------------------------------------------------|---------------------------------|
 * | is leaving         | –                     | –                                                | stays                           |
 * | is registrable     | open                  | –                                                | stays                           |
 * | is not registrable | closed                | –                                                | stays                           |
 * | is not registrable | open                  | some wait, and none has or may have a row        | closes, with what is waited for |
 * | is not registrable | open                  | any other                                        | stays                           |
 * | is registrable     | closed                | none is seen, but this process may not see all   | stays                           |
 * | is registrable     | closed, for under 1 s | none                                             | stays                           |
 * | is registrable     | closed                | none                                             | opens: NotWanted                |
 * | is registrable     | closed                | all are exempt                                   | opens, with the first's reason  |
 * | is registrable     | closed                | all have it, settled, or are exempt              | opens: Registered               |
 * | is registrable     | closed                | the same, but some have waited too long          | opens: TimedOut                 |
 * | is registrable     | closed                | some are unknown, or none waits                  | stays                           |
 * | is registrable     | closed, for under 3 s | some wait                                        | stays                           |
 * | is registrable     | closed                | some wait                                        | says what it waits for          |
 *
 * - A pod that could be Ready keeps its gate open, whatever happens to its row. Otherwise it would leave every Service, even for
 *   clients that do not use the load balancer. A lost row is added again.
 * - *Closes*: by then, a pod that failed its probe is no longer in its group. When it recovers, it waits like a new pod.
 * - *Unknown* lasts until the group has been read, and until the health checks of a starting pod have finished; if that takes too
 *   long, the pod counts as waiting. So whatever happens to bindings, groups, health checks and Services, a pod that waits for
 *   nothing else becomes Ready in the end.
 * - For a binding that also wants the pod to be healthy, see `registrationByHealth`.
 */
export function gateOf({ pod, registrations, seesAll, closedSince, now }: GateInput): GateVerdict {
  if (pod.leaving) return {};
  const isOpen = pod.gate?.open ?? false;
  if (pod.registrable === isOpen) return {};
  if (isOpen) return closedBy(registrations);
  const [first] = registrations;
  if (first === undefined) return seesAll ? unwanted(closedSince, now) : {};
  const holders = registrations.filter(({ is }) => is !== 'exempt');
  if (holders.length === 0 && first.is === 'exempt') return opened(first.reason, first.message);
  const ends = holders.map((one) => endOf(one, closedSince));
  const next = Math.min(...ends.filter((end) => end > now));
  const late = holders.filter((one) => one.is !== 'registered');
  if (!Number.isFinite(next)) {
    if (late.length === 0) return opened('Registered', 'the pod is in every group that wants it');
    return opened(TIMED_OUT, reasonsOf(late));
  }
  const waiting = late.find((one) => one.is === 'waiting');
  if (waiting === undefined || late.some(({ is }) => is === 'unknown')) return { until: next };
  if (now < closedSince + UNTOLD_MS) return { until: Math.min(next, closedSince + UNTOLD_MS) };
  const { reason } = waiting;
  if (pod.gate?.reason === reason) return { until: next };
  return { gate: { open: false, reason, message: reasonsOf(late) }, until: next };
}

function unwanted(closedSince: number, now: number): GateVerdict {
  const until = closedSince + UNSEEN_MS;
  return now < until ? { until } : opened('NotWanted', 'no binding wants the pod in its group');
}

function closedBy(registrations: readonly Registration[]): GateVerdict {
  const holds = registrations.some(
    (one) => one.is === 'unknown' || one.is === 'registered' || (one.is === 'waiting' && one.hasRow),
  );
  const waiting = registrations.find((one) => one.is === 'waiting');
  if (holds || waiting === undefined) return {};
  return { gate: { open: false, reason: waiting.reason, message: waiting.message } };
}

/** When the registration stops holding the gate closed, if nothing changes. */
function endOf(one: Registration, closedSince: number): number {
  if (one.is === 'registered') return one.since + one.settleMs;
  return one.is === 'exempt' ? Number.NEGATIVE_INFINITY : closedSince + one.timeoutMs;
}

function reasonsOf(registrations: readonly Registration[]): string {
  const told = registrations.flatMap((one) => (one.is === 'registered' ? [] : one.message));
  return [...new Set(told)].join('; ');
}

function opened(reason: string, message: string): GateVerdict {
  return { gate: { open: true, reason, message } };
}
