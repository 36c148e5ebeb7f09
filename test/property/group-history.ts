import fc from 'fast-check';
import { type BackendKey, ecsSlot, eniSlot, knownRows, type Row } from '../../src/membership/backend.ts';
import { type Desired, type Member, wantMembers } from '../../src/membership/desired/member.ts';
import type { BackendRecord, Claim } from '../../src/membership/plan/claim.ts';
import type { PlanInput } from '../../src/membership/plan/plan.ts';

/* A small world, so that everything interacts: five pod addresses, two instances, two ports, three ENIs. */

const ADDRESSES = [1, 2, 3, 4, 5];
const INSTANCES = [1, 2];
const PORTS = [80, 81];
/** A pod with hostNetwork: its rows may name the instance or the address. */
const HOST = { instance: 2, address: 6 };
const TENANTS = [...ADDRESSES, HOST.address];
export const CLAIMS = ['a', 'b', 'c'];
export const BATCH_SIZE = 3;

/** Which pod has an address: the generation determines both the pod and its ENI. */
export interface Tenant {
  readonly generation: number;
  readonly eniKnown: boolean;
  readonly predecessorsLive: boolean;
  /** Its node is drained. */
  readonly drained: boolean;
  /** Its node will soon be gone. */
  readonly departing: boolean;
}

export interface ClaimStep {
  readonly settings: Pick<
    Claim,
    'mode' | 'ownership' | 'drainMs' | 'minBackends' | 'suspended' | 'deleting' | 'granted' | 'mayAdd'
  >;
  readonly wanted: { readonly kind: 'members' | 'undetermined'; readonly places: readonly boolean[] };
  readonly weights: readonly number[];
  readonly knowsPods: boolean;
}

/** The world at one moment, what was done to the group by hand before, and how much of the plan is then carried out. */
export interface Step {
  readonly tenants: readonly Tenant[];
  readonly claims: readonly ClaimStep[];
  readonly byHand: readonly ByHand[];
  /** Milliseconds since the step before. */
  readonly clock: number;
  readonly applied: number;
}

export type ByHand =
  | { readonly do: 'put'; readonly row: Row }
  | { readonly do: 'drop'; readonly index: number }
  | { readonly do: 'weigh'; readonly index: number; readonly weight: number };

export interface History {
  readonly rows: readonly Row[];
  readonly steps: readonly Step[];
}

const weight = fc.constantFrom(0, 10, 50, 100);
const placeCount = (ADDRESSES.length + INSTANCES.length) * PORTS.length;

export const tag = (name: string) => `vsgb/c/ns/${name}`;
const ipOf = (address: number) => `10.0.0.${address}`;
const eniOfGeneration = (address: number, generation: number) => `eni-${(address + generation) % 3}`;
export const podUID = (address: number, generation: number) => `pod-${address}-${generation}`;

const row: fc.Arbitrary<Row> = fc
  .record({
    eni: fc.boolean(),
    address: fc.constantFrom(...TENANTS),
    instance: fc.constantFrom(...INSTANCES),
    generation: fc.nat({ max: 2 }),
    port: fc.constantFrom(...PORTS),
    weight,
    description: fc.constantFrom(undefined, '', 'manual', 'k8s/web', 'vsgb/other/ns/a', ...CLAIMS.map(tag)),
  })
  .map(({ eni, address, instance, generation, port, weight: of, description }) => ({
    ...(eni
      ? {
          serverId: eniOfGeneration(address, generation),
          serverIp: ipOf(address),
          type: 'eni' as const,
        }
      : { serverId: `i-${instance}`, type: 'ecs' as const }),
    port,
    weight: of,
    ...(description !== undefined && { description }),
  }));

const mostly = (value: boolean) => fc.integer({ min: 0, max: 6 }).map((n) => (n === 0 ? !value : value));

const claimStep: fc.Arbitrary<ClaimStep> = fc.record({
  settings: fc
    .record({
      mode: fc.constantFrom('Sync' as const, 'Sync' as const, 'RemoveOnly' as const),
      ownership: fc.constantFrom(
        'Shared' as const,
        'Shared' as const,
        'Shared' as const,
        'Exclusive' as const,
      ),
      drainMs: fc.constantFrom(0, 0, 1_000),
      minBackends: fc.constantFrom(0, 0, 0, 1, 3),
      suspended: mostly(false),
      deleting: mostly(false),
      granted: mostly(true),
      mayAdd: mostly(true),
    })
    .map(({ granted, ownership, mayAdd, suspended, ...settings }) => ({
      ...settings,
      granted,
      // As in gather.
      ownership: granted ? ownership : ('Shared' as const),
      mayAdd: granted && mayAdd,
      // A binding that is both suspended and deleted no longer has a claim on its group.
      suspended: suspended && !settings.deleting,
    })),
  wanted: fc.record({
    kind: mostly(true).map((known) => (known ? ('members' as const) : ('undetermined' as const))),
    places: fc.array(fc.boolean(), { minLength: placeCount, maxLength: placeCount }),
  }),
  weights: fc.array(weight, { minLength: 1, maxLength: 3 }),
  knowsPods: fc.boolean(),
});

const byHand: fc.Arbitrary<ByHand> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), row }),
  fc.record({ do: fc.constant('drop' as const), index: fc.nat({ max: 20 }) }),
  fc.record({ do: fc.constant('weigh' as const), index: fc.nat({ max: 20 }), weight }),
);

const step: fc.Arbitrary<Step> = fc.record({
  tenants: fc.array(
    fc.record({
      generation: fc.nat({ max: 2 }),
      eniKnown: mostly(true),
      predecessorsLive: fc.boolean(),
      drained: mostly(false),
      departing: mostly(false),
    }),
    { minLength: TENANTS.length, maxLength: TENANTS.length },
  ),
  claims: fc.array(claimStep, { minLength: 1, maxLength: CLAIMS.length }),
  byHand: fc.array(byHand, { maxLength: 2 }),
  clock: fc.nat({ max: 3_000 }),
  applied: fc.nat({ max: 8 }),
});

export const history: fc.Arbitrary<History> = fc.record({
  rows: fc.array(row, { maxLength: 10 }),
  steps: fc.array(step, { minLength: 1, maxLength: 5 }),
});

export type Records = ReadonlyMap<string, ReadonlyMap<BackendKey, BackendRecord>>;

/** The input that the operator would give to the plan at this step. */
export function inputOf(
  { tenants, claims }: Step,
  rows: readonly Row[],
  records: Records,
  now: number,
): PlanInput {
  const tenant = (ip: string) => tenants[Number(ip.slice('10.0.0.'.length)) - 1] as Tenant;
  return {
    rows: knownRows(rows),
    rowsAre: 'shown',
    claims: claims.map((one, i) => claimOf(CLAIMS[i] as string, one, tenants, records)),
    eniOf: (ip, uid) => {
      const { generation, eniKnown } = tenant(ip);
      const address = Number(ip.slice('10.0.0.'.length));
      if (!eniKnown || uid !== podUID(address, generation)) return undefined;
      return eniOfGeneration(address, generation);
    },
    refused: new Set<BackendKey>(),
    cohorts: new Map(),
    additionsBlocked: false,
    isFull: false,
    rowsPerCall: { remove: BATCH_SIZE, set: BATCH_SIZE, add: BATCH_SIZE },
    unshownForMs: () => 0,
    leavingForMs: () => 0,
    now,
  };
}

function claimOf(name: string, of: ClaimStep, tenants: readonly Tenant[], records: Records): Claim {
  const live = new Set(
    tenants.flatMap(({ generation, predecessorsLive }, i) =>
      [0, 1, 2]
        .filter((g) => g === generation || predecessorsLive)
        .map((g) => podUID(TENANTS[i] as number, g)),
    ),
  );
  return {
    id: `ns/${name}`,
    uid: name,
    tag: tag(name),
    ...of.settings,
    desired: of.settings.deleting ? wantMembers([]) : desiredOf(of, tenants),
    records: records.get(name) ?? new Map(),
    shows: () => true,
    formerAt: () => undefined,
    livePods: of.knowsPods ? live : undefined,
    readyPods: of.knowsPods ? live : undefined,
    liveNodes: { has: () => true },
    drainedNodes: { has: () => false },
    doubtfulNodes: { has: () => false },
  };
}

function desiredOf({ wanted, weights }: ClaimStep, tenants: readonly Tenant[]): Desired {
  const members: Member[] = [];
  wanted.places.forEach((isWanted, i) => {
    if (isWanted) members.push(memberAt(i, weights[i % weights.length] as number, tenants));
  });
  if (wanted.kind === 'members') return wantMembers(members);
  const given = new Map(members.map((one) => [one.slot, one]));
  return { kind: 'undetermined', given, problem: { reason: 'PortNotFound', message: 'no such port' } };
}

function memberAt(place: number, of: number, tenants: readonly Tenant[]): Member {
  const port = PORTS[place % PORTS.length] as number;
  const which = Math.floor(place / PORTS.length);
  const address = ADDRESSES[which];
  if (address !== undefined)
    return { slot: eniSlot(ipOf(address), port), type: 'eni', port, weight: of, ...podAt(address, tenants) };
  const instance = INSTANCES[which - ADDRESSES.length] as number;
  const instanceId = `i-${instance}`;
  const host = instance === HOST.instance ? podAt(HOST.address, tenants) : {};
  return { slot: ecsSlot(instanceId, port), type: 'ecs', instanceId, port, weight: of, ...host };
}

function podAt(address: number, tenants: readonly Tenant[]) {
  const { generation = 0, drained = false, departing = false } = tenants[address - 1] ?? {};
  const pod = podUID(address, generation);
  return {
    ...{ ip: ipOf(address), pod, podUID: pod },
    ...(drained && { drained: true as const }),
    ...(departing && { departing: true as const }),
  };
}
