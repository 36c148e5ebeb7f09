import type { Row } from '../backend.ts';
import type { BackendRecord, Claim } from './claim.ts';

/** `since`, `until`: `Clock.now()` milliseconds. */
export type DrainStep =
  | { readonly step: 'remove' }
  | { readonly step: 'drain' | 'wait'; readonly since: number; readonly until: number };

/**
 * The next step for a row that leaves. `now` and all times are `Clock.now()` milliseconds.
 *
 * | drain configured | its pod or node is gone | drain began            | weight | next              |
 * |------------------|-------------------------|------------------------|--------|-------------------|
 * | no               | –                       | –                      | –      | remove            |
 * | yes              | yes                     | –                      | –      | remove            |
 * | yes              | no                      | ≥ drainMs ago          | –      | remove            |
 * | yes              | no                      | < drainMs ago, not yet | > 0    | weight 0          |
 * | yes              | no                      | < drainMs ago, not yet | 0      | wait for the rest |
 *
 * A drain begins with the first plan that includes it, not with the call that carries it out: a row whose weight the API refuses to
 * change still leaves in time.
 */
export function nextDrainStep(
  claim: Pick<Claim, 'drainMs' | 'livePods' | 'liveNodes'>,
  row: Pick<Row, 'weight'>,
  record: BackendRecord | undefined,
  now: number,
): DrainStep {
  if (claim.drainMs <= 0 || isGone(claim, record)) return { step: 'remove' };
  const since = record?.drainingSince ?? now;
  const until = since + claim.drainMs;
  if (now >= until) return { step: 'remove' };
  return { step: row.weight > 0 ? 'drain' : 'wait', since, until };
}

/**
 * Whether nothing is left that could finish its requests. A backend that may be of another cluster is recorded without a node
 * (desired/endpoints.ts), because its end cannot be known.
 */
export function isGone(
  claim: Pick<Claim, 'livePods' | 'liveNodes'>,
  record: BackendRecord | undefined,
): boolean {
  if (record?.node === undefined) return false;
  const { podUID, node } = record;
  const podGone = podUID !== undefined && claim.livePods !== undefined && !claim.livePods.has(podUID);
  return podGone || !claim.liveNodes.has(node);
}

/** Whether requests may still be answered: by a pod that is Ready, by a node, or by something of which too little is known. */
export function mayServe(
  claim: Pick<Claim, 'livePods' | 'readyPods' | 'liveNodes'>,
  record: BackendRecord | undefined,
): boolean {
  if (record?.node === undefined) return true;
  const { podUID } = record;
  return !isGone(claim, record) && (podUID === undefined || (claim.readyPods?.has(podUID) ?? true));
}
