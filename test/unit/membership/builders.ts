import {
  type BackendKey,
  backendKey,
  ecsSlot,
  eniSlot,
  knownRows,
  type Row,
} from '../../../src/membership/backend.ts';
import type {
  AddressView,
  EndpointsView,
  NodesView,
  NodeView,
  ServicePortView,
  ServiceView,
} from '../../../src/membership/desired/cluster.ts';
import {
  type Desired,
  type DesiredInput,
  type Member,
  wantMembers,
} from '../../../src/membership/desired/member.ts';
import type { Batch } from '../../../src/membership/plan/batches.ts';
import type { BackendRecord, Claim } from '../../../src/membership/plan/claim.ts';
import { type GroupPlan, type PlanInput, planGroup } from '../../../src/membership/plan/plan.ts';
import { GroupModel } from '../../property/group-model.ts';

/* The cluster. */

export function service(
  change: Partial<ServiceView> & { port?: Partial<ServicePortView> } = {},
): ServiceView {
  const { port, ...rest } = change;
  return {
    name: 'web',
    type: 'NodePort',
    publishNotReadyAddresses: false,
    selects: true,
    ipFamilies: [],
    ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30080, ...port }],
    ...rest,
  };
}

export function node(name: string, change: Partial<NodeView> = {}): NodeView {
  return {
    name,
    labels: {},
    providerID: `cn-hangzhou.i-${name}`,
    unschedulable: false,
    ready: true,
    readyChangedAt: 0,
    shuttingDown: false,
    expiring: false,
    internalIPs: [`192.168.0.${name.length}`],
    taintKeys: [],
    ...change,
  };
}

export function nodes(...list: readonly NodeView[]): NodesView {
  return { get: (name) => list.find((one) => one.name === name), values: () => list, had: () => false };
}

/** A ready endpoint on node n1, of a pod named after its address. */
export function endpoint(ip: string, change: Partial<AddressView> = {}): AddressView {
  const pod = { namespace: 'shop', name: `pod-${ip}`, uid: `uid-${ip}` };
  return { ip, ready: true, serving: true, terminating: false, nodeName: 'n1', pod, ...change };
}

export const terminating = { ready: false, serving: true, terminating: true } as const;
export const notReady = { ready: false, serving: false } as const;

export function slice(
  addresses: readonly AddressView[],
  ports: EndpointsView['subsets'][number]['ports'] = [{ name: 'http', port: 8080 }],
): EndpointsView {
  return {
    namespace: 'shop',
    resourceVersion: '1',
    source: 'EndpointSlice',
    byKubernetes: true,
    subsets: [{ addresses, ports }],
  };
}

export function desiredInput(change: Partial<DesiredInput> = {}): DesiredInput {
  return {
    service: service(),
    serviceName: 'shop/web',
    port: 80,
    backendType: 'eni',
    weight: 100,
    endpoints: [],
    nodes: nodes(node('n1'), node('n2')),
    pods: undefined,
    podWeight: () => undefined,
    opensGates: false,
    excludeCordonedNodes: false,
    localWeights: false,
    unreadyShare: 0.55,
    keptNodes: new Set(),
    unreadyToleranceMs: 0,
    now: 1_000_000,
    ...change,
  };
}

/** `address:port*weight` of each member. */
export function shown(desired: Desired): readonly string[] | string {
  if (desired.kind === 'undetermined') return desired.problem.reason;
  return desired.members.map(({ ip, instanceId, port, weight }) => `${instanceId ?? ip}:${port}*${weight}`);
}

/* The group. */

/** The row of a pod: `eniRow('a')` has the address 10.0.0.a on eni-a. */
export function eniRow(name: string, change: Partial<Row> = {}): Row {
  return {
    serverId: `eni-${name}`,
    port: 8080,
    type: 'eni',
    serverIp: `10.0.0.${name}`,
    weight: 100,
    ...change,
  };
}

export function ecsRow(name: string, change: Partial<Row> = {}): Row {
  return { serverId: `i-${name}`, port: 30080, type: 'ecs', weight: 100, ...change };
}

export function eniMember(name: string, change: Partial<Member> = {}): Member {
  const ip = `10.0.0.${name}`;
  const port = change.port ?? 8080;
  const pod = { pod: `pod-${name}`, podUID: `uid-${name}`, node: 'n1' };
  return { slot: eniSlot(ip, port), type: 'eni', ip, port, weight: 100, ...pod, ...change };
}

export function ecsMember(name: string, change: Partial<Member> = {}): Member {
  const instanceId = `i-${name}`;
  const port = change.port ?? 30080;
  return {
    slot: ecsSlot(instanceId, port),
    type: 'ecs',
    instanceId,
    port,
    weight: 100,
    node: name,
    ...change,
  };
}

export function record(row: Row, change: Partial<BackendRecord> = {}): BackendRecord {
  return { row, state: 'Registered', ...change };
}

/** The record of the pod of `eniMember(name)`. */
export function podRecord(name: string, change: Partial<BackendRecord> = {}): BackendRecord {
  return record(eniRow(name), { pod: `pod-${name}`, podUID: `uid-${name}`, node: 'n1', ...change });
}

export function recordsOf(...list: readonly BackendRecord[]): ReadonlyMap<BackendKey, BackendRecord> {
  return new Map(list.map((one) => [backendKey(one.row), one]));
}

export function members(...list: readonly Member[]): Desired {
  return wantMembers(list);
}

/** `given`: what the Service provides on other ports. */
export function undetermined(...given: readonly Member[]): Desired {
  return {
    kind: 'undetermined',
    given: new Map(given.map((one) => [one.slot, one])),
    problem: { reason: 'PortNotFound', message: 'no such port' },
  };
}

export const everything = { has: () => true };

/** A Sync binding that owns rows with the tag `vsgb/c/shop/<name>`, and wants nothing. */
export function claim(name: string, change: Partial<Claim> = {}): Claim {
  return {
    id: `shop/${name}`,
    uid: `binding-${name}`,
    tag: tag(name),
    mode: 'Sync',
    ownership: 'Shared',
    desired: members(),
    records: new Map(),
    drainMs: 0,
    minBackends: 0,
    suspended: false,
    deleting: false,
    granted: true,
    mayAdd: true,
    shows: () => true,
    formerAt: () => undefined,
    livePods: everything,
    readyPods: everything,
    liveNodes: everything,
    drainedNodes: { has: () => false },
    doubtfulNodes: { has: () => false },
    ...change,
  };
}

export const tag = (name: string) => `vsgb/c/shop/${name}`;

/** A row with the tag of `claim('web')`. */
export const own = (row: Row, change: Partial<Row> = {}): Row => ({
  ...row,
  description: tag('web'),
  ...change,
});

/** The ENI of 10.0.0.a is eni-a. */
export const eniByName = (ip: string) => `eni-${ip.slice('10.0.0.'.length)}`;

export interface PlanChange extends Omit<Partial<PlanInput>, 'rows'> {
  readonly rows?: readonly Row[];
}

export function planInput({ rows = [], ...change }: PlanChange = {}): PlanInput {
  return {
    rows: knownRows(rows),
    rowsAre: 'shown',
    claims: [],
    eniOf: eniByName,
    refused: new Set<BackendKey>(),
    cohorts: new Map(),
    additionsBlocked: false,
    isFull: false,
    rowsPerCall: { remove: 20, set: 20, add: 20 },
    unshownForMs: () => 0,
    leavingForMs: () => 0,
    now: 1_000_000,
    ...change,
  };
}

export function plan(change: PlanChange): GroupPlan {
  return planGroup(planInput(change));
}

/** `action address:port` of each change, with the weight if a row is changed or added. */
export function written({ batches }: Pick<GroupPlan, 'batches'>): readonly (readonly string[])[] {
  return batches.map(({ action, changes }) => changes.map(({ row }) => describeChange(action, row)));
}

function describeChange(action: Batch['action'], { serverIp, serverId, port, weight }: Row): string {
  const place = `${action} ${serverIp === undefined ? serverId : `${serverId}/${serverIp.split('.').at(-1)}`}:${port}`;
  return action === 'remove' ? place : `${place}*${weight}`;
}

/** A group managed by the operator: each `turn` plans, remembers what the plan reports and, by default, carries the plan out. */
export class Turns {
  readonly #group: GroupModel;
  #records = new Map<string, Claim['records']>();

  constructor(rows: readonly Row[]) {
    this.#group = new GroupModel(rows);
  }

  get rows(): readonly Row[] {
    return this.#group.rows;
  }

  turn(claims: readonly Claim[], change: PlanChange = {}, carriedOut = true): GroupPlan {
    const known = claims.map((one) => ({ ...one, records: this.#records.get(one.uid) ?? one.records }));
    const result = plan({ rows: this.rows, claims: known, ...change });
    this.#records = new Map(result.reports.map(({ claim: { uid }, records }) => [uid, records]));
    if (carriedOut) for (const batch of result.batches) this.#group.apply(batch);
    return result;
  }

  lose(claims: readonly Claim[], change: PlanChange = {}): GroupPlan {
    return this.turn(claims, change, false);
  }
}

/** The state that the plan records for each row of a binding, by server. */
export function states({ reports }: GroupPlan, name = 'web'): Readonly<Record<string, string>> {
  const report = reports.find((one) => one.claim.id === `shop/${name}`);
  return Object.fromEntries([...(report?.records ?? [])].map(([, { row, state }]) => [row.serverId, state]));
}
