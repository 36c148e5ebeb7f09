import type { Failure } from '../../../simulator/data-plane/forwarding.ts';
import type { RequestResult } from '../load/results.ts';
import type { Mark } from './timeline-svg.ts';

/** A failed request, and where it was sent. */
export interface FailedRequest extends RequestResult {
  /** Backends, propagation and load, as in the table. */
  readonly sentTo: string;
  /** ID of the listener. */
  readonly listener: string;
}

/** What other observers saw. */
export interface Witnesses {
  /** Ms since the epoch. */
  readonly beginning: number;
  /** Recorded by the load balancer. */
  readonly failures: readonly Failure[];
  /** Marks of pods and rows. */
  readonly marks: readonly Mark[];
}

/** With more failures, the drawing shows what they have in common. */
const FEW = 20;

/** A client learns of a failure later than its load balancer, or earlier if the load balancer's event loop was busy. */
const SLACK_MS = 50;

/** How long before the end of a request its cause may lie. */
const BEFORE_MS = 2000;

/**
 * If few requests failed, one line for each: what its client saw, what the load balancer saw at that time, and what had just
 * happened to pods and rows.
 */
export function failureLines(failed: readonly FailedRequest[], witnesses: Witnesses): readonly string[] {
  if (failed.length > FEW) return [];
  return failed.toSorted((a, b) => a.at - b.at).map((request) => lineOf(request, witnesses));
}

function lineOf(request: FailedRequest, { beginning, failures, marks }: Witnesses): string {
  const end = request.at + request.latencyMs;
  const since = (ms: number) => `${((ms - beginning) / 1000).toFixed(3)} s`;
  const seen = failures.filter(
    ({ listener, at, retried }) =>
      listener === request.listener && !retried && Math.abs(at - end) <= SLACK_MS,
  );
  const recent = marks.filter((mark) => {
    const at = beginning + mark.at * 1000;
    return at >= end - BEFORE_MS && at <= end + SLACK_MS;
  });
  return [
    `${since(request.at)}, ended ${since(end)}: ${request.sentTo}: ${request.failure} (${request.error})`,
    `load balancer: ${seen.map((failure) => `${since(failure.at)} ${describe(failure)}`).join(', ') || 'saw nothing'}`,
    `before: ${recent.map(({ at, kind }) => `${at.toFixed(3)} s ${kind}`).join(', ') || 'nothing'}`,
  ].join('; ');
}

function describe({ cause, row, machine, believedWeight, groupWeight }: Failure): string {
  if (row === undefined) return `${cause}, machine ${machine}`;
  const { serverId, serverIp, port } = row;
  const group =
    groupWeight === undefined ? 'not in the group any more' : `weight ${groupWeight} in the group`;
  return `${cause} at ${serverId} ${serverIp}:${port}, machine ${machine}, weight ${believedWeight} there, ${group}`;
}
