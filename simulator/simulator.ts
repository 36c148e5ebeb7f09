import { randomInt } from 'node:crypto';
import type { Semantics } from './actions/action.ts';
import { controlEndpoints } from './control.ts';
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

/** Everything has a default: `startSimulator()` alone gives an empty account with the key `testid:testsecret`. */
export interface SimulatorOptions extends Partial<Semantics> {
  /** Default 0: any free port. */
  readonly port?: number;
  readonly accessKeys?: readonly AccessKey[];
  readonly regionId?: string;
  readonly vpcId?: string;
  readonly loadBalancers?: readonly string[];
  /** Group ids on the first load balancer (`lb-1` if none is named), or each with its own and its rows. */
  readonly groups?: readonly (string | GroupOptions)[];
  readonly latencyMs?: number;
  /** Up to so much is added to latencyMs, at random. */
  readonly latencyJitterMs?: number;
  /** Calls a second per access key. Default: no limit. */
  readonly qps?: number;
  readonly burst?: number;
  readonly ratePerAction?: Readonly<Record<string, Rate>>;
  readonly throttleRetryAfter?: boolean;
  readonly denials?: readonly Denial[];
  readonly faults?: readonly FaultRule[];
  readonly seed?: number;
  readonly journalFile?: string | undefined;
  /** How many entries stay in memory. */
  readonly journalLimit?: number;
  readonly inventory?: 'any' | 'listed';
  readonly ipsPerEni?: number;
  readonly clockSkewMs?: number;
  readonly defaultFormat?: Format;
  /** Ms since the epoch, for signatures, busy windows and rates; the journal always tells real time. */
  readonly now?: () => number;
  /** What replies name as their Date, in ms since the epoch; undefined: they name none. Default: `now`. */
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
  /** Ends all connections, held calls included, and resolves when the journal file is complete. */
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
  const { latencyMs = 0, latencyJitterMs = 0 } = options;
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
      control: controlEndpoints({ state, journal, faults }),
    },
    options.port ?? 0,
  );
  const close = async (): Promise<void> => {
    faults.clear();
    await server.close();
    await journal.close();
  };
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    state,
    faults,
    journal,
    accessKeys,
    ram,
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
