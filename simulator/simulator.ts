import { randomInt } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Semantics } from './actions/action.ts';
import { controlEndpoints } from './control.ts';
import type { Behaviour } from './data-plane/behaviour.ts';
import { type Clock, systemClock } from './data-plane/clock.ts';
import { DataPlane, type InstanceAddresses } from './data-plane/data-plane.ts';
import type { ListenerOptions } from './data-plane/listener-options.ts';
import { type FaultRule, Faults } from './faults.ts';
import { AccessPolicy, type Denial } from './gateway/access-policy.ts';
import { type AccessKey, AccessKeys } from './gateway/authentication.ts';
import type { Format } from './gateway/replies.ts';
import { type Rate, Throttle } from './gateway/throttle.ts';
import { Journal } from './journal.ts';
import { listen } from './server.ts';
import type { Row } from './state/backend-servers.ts';
import { Inventory } from './state/inventory.ts';
import { seededRandom } from './state/random.ts';
import { SimulatorState } from './state/state.ts';

/** All options have defaults: `startSimulator()` alone gives an empty account with the key `testid:testsecret`. */
export interface SimulatorOptions extends Partial<Semantics> {
  /** The address where the API listens. Anyone who can reach it can change everything. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly accessKeys?: readonly AccessKey[];
  readonly regionId?: string;
  readonly vpcId?: string;
  readonly loadBalancers?: readonly string[];
  /** Ids of groups on the first load balancer (`lb-1` if none is named), or objects with a load balancer and rows. */
  readonly groups?: readonly (string | GroupOptions)[];
  /** Listeners that forward real connections from the start; others can be created through the API. */
  readonly listeners?: readonly ListenerOptions[];
  /** How listeners forward unless their own options differ; also applies to listeners created through the API. */
  readonly forwarding?: Partial<Behaviour>;
  /** The address where listeners listen. Default 127.0.0.1. */
  readonly listenHost?: string;
  /** Whether a listener created through the API listens on its own port or on any free one. Default 'own'. */
  readonly listenerPorts?: 'own' | 'any';
  /** The addresses of the nodes by instance id, for rows of type `ecs`. Default: no node can be reached. */
  readonly instanceAddresses?: InstanceAddresses;
  readonly latencyMs?: number;
  /** Upper bound of the random time that is added to latencyMs. */
  readonly latencyJitterMs?: number;
  /** Calls per second and access key. Default: no limit. */
  readonly qps?: number;
  readonly burst?: number;
  readonly ratePerAction?: Readonly<Record<string, Rate>>;
  readonly throttleRetryAfter?: boolean;
  readonly denials?: readonly Denial[];
  readonly faults?: readonly FaultRule[];
  readonly seed?: number;
  readonly journalFile?: string | undefined;
  /** How many entries are kept in memory. */
  readonly journalLimit?: number;
  readonly inventory?: 'any' | 'listed';
  readonly ipsPerEni?: number;
  readonly clockSkewMs?: number;
  readonly defaultFormat?: Format;
  /** Ms since the epoch, for signatures, busy windows and rates; the journal always uses real time. */
  readonly now?: () => number;
  /** For all waiting in the data plane. Default: the system clock. */
  readonly clock?: Clock;
  /** The Date of replies, in ms since the epoch; undefined: replies have none. Default: `now`. */
  readonly replyDate?: () => number | undefined;
}

export interface GroupOptions {
  readonly id: string;
  readonly loadBalancer?: string;
  readonly rows?: readonly (Partial<Row> & Pick<Row, 'serverId' | 'port'>)[];
}

export interface Simulator {
  readonly url: string;
  readonly port: number;
  readonly state: SimulatorState;
  readonly faults: Faults;
  readonly journal: Journal;
  readonly accessKeys: AccessKeys;
  readonly ram: AccessPolicy;
  /** The listeners with their ports and counts, and the failures. */
  readonly dataPlane: DataPlane;
  /** Ends all connections, including held calls, and resolves when the journal file is complete. */
  close(): Promise<void>;
}

const DEFAULT_SEMANTICS: Semantics = {
  maxBackendsPerCall: 20,
  backendsPerLoadBalancer: 200,
  duplicatesInCall: 'collapse',
  alreadyAttached: 'collapse',
  emptyBackendServers: 'refuse',
  removeMatch: 'strict',
  obtainIpFailOnRemove: false,
  numbersAsStrings: false,
  busyMs: 0,
  loadBalancerBusyMs: 0,
  loadBalancerBusyCode: 'BackendServer.configuring',
  findsOutOfPrefix: true,
};

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const now = options.now ?? Date.now;
  const seed = options.seed ?? randomInt(2 ** 32);
  const random = seededRandom(seed);
  const state = buildState(options, now);
  const faults = new Faults(seed, random);
  for (const rule of options.faults ?? []) faults.add(rule);
  const journal = new Journal({ limit: options.journalLimit ?? 100_000, file: options.journalFile });
  const accessKeys = new AccessKeys(options.accessKeys ?? [{ id: 'testid', secret: 'testsecret' }], {
    clockSkewMs: options.clockSkewMs ?? 15 * 60_000,
    now,
  });
  const ram = new AccessPolicy(options.denials ?? []);
  const dataPlane = new DataPlane({
    state,
    clock: options.clock ?? systemClock,
    // A separate stream, because traffic must not change which calls are hit by a fault.
    random: seededRandom(seed + 1),
    listenHost: options.listenHost ?? '127.0.0.1',
    listenerPorts: options.listenerPorts ?? 'own',
    instanceAddresses: options.instanceAddresses ?? {},
    forAll: options.forwarding ?? {},
  });
  const { latencyMs = 0, latencyJitterMs = 0, host = '127.0.0.1', port = 0 } = options;
  const server = await listen(
    {
      accessKeys,
      ram,
      throttle: buildThrottle(options, now),
      faults,
      state,
      semantics: { ...DEFAULT_SEMANTICS, ...options },
      defaultFormat: options.defaultFormat ?? 'JSON',
      journal,
      latency: () => (latencyJitterMs > 0 ? latencyMs + random() * latencyJitterMs : latencyMs),
      replyDate: options.replyDate ?? now,
      health: dataPlane,
      control: controlEndpoints({ state, journal, faults, dataPlane }),
    },
    { host, port },
  );
  const close = async (): Promise<void> => {
    faults.clear();
    await Promise.all([server.close(), dataPlane.close()]);
    await journal.close();
  };
  try {
    for (const listener of options.listeners ?? []) await dataPlane.open(listener);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${server.port}`,
    port: server.port,
    state,
    faults,
    journal,
    accessKeys,
    ram,
    dataPlane,
    close,
  };
}

function buildState(options: SimulatorOptions, now: () => number): SimulatorState {
  const { regionId = 'cn-hangzhou', vpcId = 'vpc-1' } = options;
  const inventory = new Inventory({
    vpcId,
    known: options.inventory ?? 'any',
    ipsPerEni: options.ipsPerEni ?? 1,
  });
  const state = new SimulatorState(inventory, { regionId, vpcId, now });
  const loadBalancers = options.loadBalancers ?? ['lb-1'];
  for (const id of loadBalancers) state.createLoadBalancer(id);
  for (const entry of options.groups ?? []) {
    const group: GroupOptions = typeof entry === 'string' ? { id: entry } : entry;
    state.createGroup(group.id, group.loadBalancer ?? loadBalancers[0] ?? 'lb-1');
    for (const row of group.rows ?? []) state.addRow(group.id, row);
  }
  return state;
}

function buildThrottle(options: SimulatorOptions, now: () => number): Throttle {
  const { qps, burst } = options;
  return new Throttle({
    perKey: qps === undefined ? undefined : { qps, ...(burst === undefined ? {} : { burst }) },
    perAction: options.ratePerAction ?? {},
    retryAfter: options.throttleRetryAfter ?? false,
    now,
  });
}
