import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import type { ListenerOptions } from './data-plane/listener-options.ts';
import { parseDuration } from './duration.ts';
import { FAULT_KINDS, type FaultKind, type FaultRule } from './faults.ts';
import type { AccessKey } from './gateway/authentication.ts';
import { isKnownCode } from './gateway/errors.ts';
import { parseForwarding, parseListener } from './listener-flag.ts';
import type { SimulatorOptions } from './simulator.ts';

/** An invalid command line: one sentence, exit code 2. */
export class UsageError extends Error {}

export const HELP = `Usage: npm run simulator -- [flags]

Serves Alibaba Cloud's classic SLB API (2014-05-15) and the two ECS lookups (2014-05-26) that go with it,
on 127.0.0.1, until SIGINT or SIGTERM. A browser sees what it holds under /console. A flag marked * may be repeated.
Where no command line can be given, as to a service container: SLB_SIMULATOR_FLAGS="--host 0.0.0.0 --port 8080".

  --host ADDRESS                   where the API listens. Whoever reaches it can change everything. Default 127.0.0.1
  --port PORT                      default 0: any free port
  --access-key ID:SECRET         * who may call; also SLB_SIMULATOR_ACCESS_KEY=ID:SECRET. Default testid:testsecret
  --sts TOKEN                      the access keys are STS keys with this token; also SLB_SIMULATOR_SECURITY_TOKEN
  --sts-expires DURATION           the token ends so long after the start. Default: never
  --region ID                      default cn-hangzhou
  --vpc-id ID                      default vpc-1
  --load-balancer ID             * default lb-1
  --group ID[@LOAD_BALANCER]     * an empty vServer group, on the first load balancer unless said
  --listener PROTOCOL:PORT=GROUP * forwards real connections, by tcp or http, to the rows of the group; port 0: any
                                   free one. More after commas: --listener tcp:80=rsp-0,propagation=0s-2s,drain=30s.
                                   Everything that can be set: README.md, "Data plane"
  --forwarding OPTION=VALUE,…      the same options for all listeners, those made by API too
  --listen-host ADDRESS            where listeners listen. Default 127.0.0.1
  --listener-ports own|any         where a listener made by API listens: on its own port or any free one. Default own
  --instance ID=ADDRESS          * address of a node, for rows of type ecs
  --latency DURATION               every call takes so long. Default 0ms
  --jitter DURATION                up to so much is added to the latency. Default 0ms
  --busy DURATION                  after a write, the group answers VServerGroupProcessing for so long. Default 0ms
  --load-balancer-busy DURATION    the same for the whole load balancer: BackendServer.configuring. Default 0ms
  --qps N                          calls a second per access key, then Throttling.User. Default: no limit
  --burst N                        calls that may come at once under --qps. Default: one second's worth
  --max-backends-per-call N        1 to 40. Default 20
  --max-backends N                 per load balancer, then InstanceBackendServerNumberOverLimit. A new account has
                                   200. Default 0: no limit
  --ips-per-eni N                  neighbouring IPv4 addresses that share one ENI. Default 1
  --fault ACTION=WHAT[:SHARE]    * ACTION: an action or *. WHAT: an error code, or one of
                                   ${FAULT_KINDS.filter((kind) => kind !== 'error' && kind !== 'delay').join(', ')}.
                                   SHARE of the calls, 0 to 1. Default 1
  --seed N                         repeats the faults of an earlier run. Default: random, printed at the start
  --journal FILE                   one JSON line a call is appended
  --help

A DURATION is a number with ms, s, m or h: 20ms, 1.5s.
`;

const FLAGS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'access-key': { type: 'string', multiple: true },
  sts: { type: 'string' },
  'sts-expires': { type: 'string' },
  region: { type: 'string' },
  'vpc-id': { type: 'string' },
  'load-balancer': { type: 'string', multiple: true },
  group: { type: 'string', multiple: true },
  listener: { type: 'string', multiple: true },
  forwarding: { type: 'string' },
  'listen-host': { type: 'string' },
  'listener-ports': { type: 'string' },
  instance: { type: 'string', multiple: true },
  latency: { type: 'string' },
  jitter: { type: 'string' },
  busy: { type: 'string' },
  'load-balancer-busy': { type: 'string' },
  qps: { type: 'string' },
  burst: { type: 'string' },
  'max-backends-per-call': { type: 'string' },
  'max-backends': { type: 'string' },
  'ips-per-eni': { type: 'string' },
  fault: { type: 'string', multiple: true },
  seed: { type: 'string' },
  journal: { type: 'string' },
  help: { type: 'boolean' },
} as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Flags and environment → options, or 'help'. Throws UsageError. */
export function parseCommandLine(argv: readonly string[], env: Environment): SimulatorOptions | 'help' {
  const fromEnv = (env['SLB_SIMULATOR_FLAGS'] ?? '').split(/\s+/).filter((word) => word !== '');
  const flags = readFlags([...fromEnv, ...argv]);
  if (flags.help) return 'help';
  const loadBalancers = distinct(flags['load-balancer'] ?? ['lb-1'], '--load-balancer');
  const groups = (flags.group ?? []).map((text) => parseGroup(text, loadBalancers));
  distinct(
    groups.map(({ id }) => id),
    '--group',
  );
  return {
    host: address('--host', flags.host ?? '127.0.0.1'),
    port: wholeNumber('--port', flags.port ?? '0', 0, 65535),
    accessKeys: parseAccessKeys(flags, env),
    regionId: text('--region', flags.region ?? 'cn-hangzhou'),
    vpcId: text('--vpc-id', flags['vpc-id'] ?? 'vpc-1'),
    loadBalancers,
    groups,
    listeners: (flags.listener ?? []).map((text) => parseListenerOf(text, groups)),
    forwarding: usage('--forwarding', () => parseForwarding(flags.forwarding ?? '')),
    listenHost: text('--listen-host', flags['listen-host'] ?? '127.0.0.1'),
    listenerPorts: parseListenerPorts(flags['listener-ports'] ?? 'own'),
    instanceAddresses: Object.fromEntries((flags.instance ?? []).map(parseInstance)),
    latencyMs: duration('--latency', flags.latency ?? '0ms'),
    latencyJitterMs: duration('--jitter', flags.jitter ?? '0ms'),
    busyMs: duration('--busy', flags.busy ?? '0ms'),
    loadBalancerBusyMs: duration('--load-balancer-busy', flags['load-balancer-busy'] ?? '0ms'),
    maxBackendsPerCall: wholeNumber('--max-backends-per-call', flags['max-backends-per-call'] ?? '20', 1, 40),
    backendsPerLoadBalancer: wholeNumber('--max-backends', flags['max-backends'] ?? '0', 0, 1_000_000),
    ipsPerEni: wholeNumber('--ips-per-eni', flags['ips-per-eni'] ?? '1', 1, 256),
    faults: (flags.fault ?? []).map(parseFault),
    ...(flags.qps === undefined ? {} : { qps: rate('--qps', flags.qps) }),
    ...(flags.burst === undefined ? {} : { burst: wholeNumber('--burst', flags.burst, 1, 1_000_000) }),
    ...(flags.seed === undefined ? {} : { seed: wholeNumber('--seed', flags.seed, 0, 2 ** 32 - 1) }),
    ...(flags.journal === undefined ? {} : { journalFile: text('--journal', flags.journal) }),
  };
}

function readFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // The first sentence of Node's explanation is enough.
    const reason = (error as Error).message.split(/\.(?:\s|$)/)[0];
    throw new UsageError(`${reason}; see --help`);
  }
}

function parseAccessKeys(flags: ReturnType<typeof readFlags>, env: Environment): AccessKey[] {
  const fromEnv = env['SLB_SIMULATOR_ACCESS_KEY'];
  const given = [...(flags['access-key'] ?? []), ...(fromEnv ? [fromEnv] : [])];
  const securityToken = flags.sts ?? env['SLB_SIMULATOR_SECURITY_TOKEN'];
  const lifetime = flags['sts-expires'];
  if (lifetime !== undefined && !securityToken) throw new UsageError('--sts-expires needs --sts');
  const expiresAt = lifetime === undefined ? undefined : Date.now() + duration('--sts-expires', lifetime);
  return (given.length > 0 ? given : ['testid:testsecret']).map((pair) => {
    // The value is not echoed, so that no secret ends up in the terminal's output.
    const match = /^([^:\s]+):(\S+)$/.exec(pair);
    if (!match) throw new UsageError('--access-key must be ID:SECRET');
    return { id: match[1]!, secret: match[2]!, ...(securityToken ? { securityToken, expiresAt } : {}) };
  });
}

function parseGroup(value: string, loadBalancers: readonly string[]): { id: string; loadBalancer?: string } {
  const [id = '', loadBalancer, ...rest] = value.split('@');
  if (id === '' || rest.length > 0)
    throw new UsageError(`--group must be ID or ID@LOAD_BALANCER, not "${value}"`);
  if (loadBalancer === undefined) return { id };
  if (!loadBalancers.includes(loadBalancer)) {
    throw new UsageError(`--group ${value} names a load balancer that no --load-balancer creates`);
  }
  return { id, loadBalancer };
}

function parseFault(value: string): FaultRule {
  const match = /^([A-Za-z]+|\*)=([A-Za-z0-9._-]+)(?::([\d.]+))?$/.exec(value);
  if (!match) throw new UsageError(`--fault must be ACTION=WHAT or ACTION=WHAT:SHARE, not "${value}"`);
  const [, action = '*', what = '', share = '1'] = match;
  const probability = Number(share);
  if (!(probability >= 0 && probability <= 1)) {
    throw new UsageError(`the share in --fault must be between 0 and 1, not "${share}"`);
  }
  const kind = FAULT_KINDS.find((known) => known === what && known !== 'error' && known !== 'delay');
  if (!kind && !isKnownCode(what))
    throw new UsageError(`--fault knows no error code or fault "${what}"; see README.md`);
  const fault: { kind: FaultKind; code?: string } = kind ? { kind } : { kind: 'error', code: what };
  return { action, probability, ...fault };
}

function parseListenerOf(value: string, groups: readonly { readonly id: string }[]): ListenerOptions {
  const listener = usage('--listener', () => parseListener(value));
  if (!groups.some(({ id }) => id === listener.group)) {
    throw new UsageError(`--listener ${value} names a group that no --group creates`);
  }
  return listener;
}

function parseListenerPorts(value: string): 'own' | 'any' {
  if (value !== 'own' && value !== 'any') {
    throw new UsageError(`--listener-ports must be own or any, not "${value}"`);
  }
  return value;
}

function parseInstance(value: string): [id: string, address: string] {
  const match = /^([^=]+)=(.+)$/.exec(value);
  if (!match || isIP(match[2]!) === 0) {
    throw new UsageError(`--instance must be ID=ADDRESS with an IP address, not "${value}"`);
  }
  return [match[1]!, match[2]!];
}

function usage<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${flag} ${(error as Error).message}`);
  }
}

function address(flag: string, value: string): string {
  if (isIP(value) === 0) throw new UsageError(`${flag} must be an IP address, not "${value}"`);
  return value;
}

function duration(flag: string, value: string): number {
  return usage(flag, () => parseDuration(value));
}

function wholeNumber(flag: string, value: string, min: number, max: number): number {
  if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max) {
    throw new UsageError(`${flag} must be a whole number from ${min} to ${max}, not "${value}"`);
  }
  return Number(value);
}

function rate(flag: string, value: string): number {
  const number = Number(value);
  if (!/^[\d.]+$/.test(value) || !(number > 0))
    throw new UsageError(`${flag} must be a number above 0, not "${value}"`);
  return number;
}

function text(flag: string, value: string): string {
  if (value.trim() === '') throw new UsageError(`${flag} must not be empty`);
  return value;
}

function distinct(values: readonly string[], flag: string): readonly string[] {
  const seen = new Set<string>();
  for (const value of values) {
    if (text(flag, value) && seen.has(value)) throw new UsageError(`${flag} ${value} is given twice`);
    seen.add(value);
  }
  return values;
}
