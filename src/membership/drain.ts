import type { Row } from './backend.ts';
import type { BackendRecord, Claim } from './claim.ts';

export type DrainStep =
  | { readonly step: 'remove' }
  | { readonly step: 'drain'; readonly since: number }
  | { readonly step: 'wait'; readonly since: number; readonly until: number };

/**
 * What is next for a row that leaves. `now` and all times are milliseconds since the Unix epoch.
 *
 * | drain asked | its pod or node is gone | weight | drain began    | next                    |
 * |-------------|-------------------------|--------|----------------|-------------------------|
 * | no          | –                       | –      | –              | remove                  |
 * | yes         | yes                     | –      | –              | remove                  |
 * | yes         | no                      | > 0    | –              | weight 0, drain from now |
 * | yes         | no                      | 0      | not known      | wait, drain from now    |
 * | yes         | no                      | 0      | < drainMs ago  | wait for the rest       |
 * | yes         | no                      | 0      | ≥ drainMs ago  | remove                  |
 *
 * A start in the future (a clock that was set back) counts as now, so that no drain outlasts what was asked.
 */
export function nextDrainStep(
  claim: Claim,
  row: Row,
  record: BackendRecord | undefined,
  now: number,
): DrainStep {
  if (claim.drainMs <= 0 || isGone(claim, record)) return { step: 'remove' };
  if (row.weight > 0) return { step: 'drain', since: now };
  const since = Math.min(record?.drainingSince ?? now, now);
  const until = since + claim.drainMs;
  return now >= until ? { step: 'remove' } : { step: 'wait', since, until };
}

/** Nothing is left that could finish its requests. */
export function isGone(
  claim: Pick<Claim, 'livePods' | 'liveNodes'>,
  record: BackendRecord | undefined,
): boolean {
  if (record === undefined) return false;
  const { podUID, node } = record;
  const podGone = podUID !== undefined && claim.livePods !== undefined && !claim.livePods.has(podUID);
  return podGone || (node !== undefined && !claim.liveNodes.has(node));
}
