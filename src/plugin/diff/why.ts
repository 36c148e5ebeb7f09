import type { ClusterCaches } from '../../controller/cluster/cluster-caches.ts';
import type { Decision } from '../../controller/group/decide.ts';
import { addressOf } from '../../membership/backend.ts';
import { departureOf } from '../../membership/desired/alive.ts';
import type { Member } from '../../membership/desired/member.ts';
import type { Batch, Change } from '../../membership/plan/batches.ts';
import type { BackendRecord, Claim } from '../../membership/plan/claim.ts';

/** Why a plan contains a change: the situation in the cluster, in a few words. */
export function whyOf(
  action: Batch['action'],
  change: Change,
  { claims }: Pick<Decision, 'claims'>,
  caches: Pick<ClusterCaches, 'endpoints' | 'nodes' | 'bindings'>,
): string {
  const claim = claims.find(({ id }) => id === change.claim);
  if (claim === undefined) return 'no binding wants it';
  if (action === 'add') return whyAdded(change, caches);
  const member = wantedAt(claims, change);
  if (action === 'set' && change.row.weight === 0 && member !== undefined) {
    const why = whyAtRest(member, caches);
    if (why !== undefined) return why;
  }
  if (action === 'set' && change.row.weight > 0) {
    return change.was === 0 ? 'it takes requests again' : `its weight should be ${change.row.weight}`;
  }
  if (action === 'set' && member !== undefined) return `its weight should be ${change.row.weight}`;
  return action === 'set' ? `drains: ${whyLeft(change, claim, caches)}` : whyLeft(change, claim, caches);
}

function whyAdded({ member, row }: Change, caches: Pick<ClusterCaches, 'nodes'>): string {
  const who = member?.pod === undefined ? `node ${member?.node ?? ''}` : `pod ${member.pod}`;
  const why = member !== undefined && row.weight === 0 ? whyAtRest(member, caches) : undefined;
  return why === undefined ? `${who} joined` : `${who} joined; ${why}`;
}

/** Why the member's node gives it weight 0, if it does. */
function whyAtRest({ drained, node }: Member, { nodes }: Pick<ClusterCaches, 'nodes'>): string | undefined {
  if (drained) return `node ${node ?? ''} is drained`;
  const here = node === undefined ? undefined : nodes.get(node);
  const departure = here && departureOf(here);
  if (departure === undefined) return undefined;
  return departure === 'shutdown'
    ? `node ${node} shuts down`
    : `the instance of node ${node} is about to be released`;
}

/** The first reason that applies. */
function whyLeft(
  { row, key }: Change,
  claim: Claim,
  caches: Pick<ClusterCaches, 'endpoints' | 'nodes' | 'bindings'>,
): string {
  const record = claim.records.get(key);
  const isProven = record !== undefined || row.description === claim.tag;
  if (claim.deleting) return 'its binding is being deleted';
  if (!isProven) return `stranger in an Exclusive group (${row.description || 'no description'})`;
  if (claim.desired.kind === 'undetermined') return claim.desired.problem.message;
  const gone = goneOf(record, claim);
  if (gone !== undefined) return gone;
  if (row.type === 'ecs') return nodeLeft(record, caches);
  const state = endpointState(row.serverIp ?? '', claim, caches);
  if (state !== undefined) return state;
  const moved = claim.desired.members.some(({ ip, port }) => ip === row.serverIp && port === row.port);
  return moved
    ? 'its address is behind another network interface now'
    : `${podName(record)} is no endpoint any more`;
}

function goneOf(record: BackendRecord | undefined, { livePods, liveNodes }: Claim): string | undefined {
  if (record?.node !== undefined && !liveNodes.has(record.node)) return `node ${record.node} is gone`;
  if (record?.podUID !== undefined && livePods !== undefined && !livePods.has(record.podUID))
    return `${podName(record)} is gone`;
  return undefined;
}

function nodeLeft(record: BackendRecord | undefined, { nodes }: Pick<ClusterCaches, 'nodes'>): string {
  const node = record?.node === undefined ? undefined : nodes.get(record.node);
  if (node === undefined) return 'no node of the Service has its instance';
  return node.ready
    ? `node ${node.name} takes no requests for the Service (labels, taints, selector or no ready pod)`
    : `node ${node.name} is not ready`;
}

function endpointState(
  ip: string,
  claim: Claim,
  { endpoints, bindings }: Pick<ClusterCaches, 'endpoints' | 'bindings'>,
): string | undefined {
  const parsed = bindings.get(claim.id)?.parsed;
  if (!parsed?.ok) return undefined;
  const { metadata, spec } = parsed.binding;
  for (const { subsets } of endpoints.byIndex('service', `${metadata.namespace}/${spec.serviceRef.name}`)) {
    for (const { addresses } of subsets) {
      const address = addresses.find((one) => one.ip === ip);
      if (address === undefined || address.ready) continue;
      return `pod ${address.pod?.name ?? ip} is ${address.terminating ? 'terminating' : 'not ready'}`;
    }
  }
  return undefined;
}

function wantedAt(claims: readonly Claim[], { row }: Change) {
  const address = addressOf(row);
  return claims
    .flatMap(({ desired }) => (desired.kind === 'members' ? desired.members : []))
    .find(({ ip, instanceId, port }) => [ip, instanceId].includes(address) && port === row.port);
}

function podName(record: BackendRecord | undefined): string {
  return record?.pod === undefined ? 'its address' : `pod ${record.pod}`;
}
