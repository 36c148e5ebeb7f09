import { createApiError } from '../../../../src/alibaba/errors/errors.ts';
import type { Clock } from '../../../../src/clock.ts';
import type { ApiError, CallOutcome, ErrorKind } from '../../../../src/cloud/api-error.ts';
import type { EniLookup, EniResolver } from '../../../../src/cloud/eni-resolver.ts';
import type { GroupRef, Scope } from '../../../../src/cloud/group-ref.ts';
import {
  type BackendHealth,
  type CallOptions,
  type GroupLimits,
  type JobState,
  type LoadBalancerRef,
  type NamedGroup,
  type ServerGroups,
  WithdrawnError,
} from '../../../../src/cloud/server-groups.ts';
import { backendKey, type Row } from '../../../../src/membership/backend.ts';

export interface Call {
  readonly at: number;
  readonly action: 'describe' | 'add' | 'set' | 'remove' | 'health';
  /** ID of the group. */
  readonly group: string;
  readonly backends: readonly string[];
  readonly rows: readonly Row[];
}

interface Reply {
  readonly requestId: string;
  readonly rows: readonly Row[];
}

type Behaviour = (call: Call) => undefined | 'no-reply' | ((reply: Reply) => Reply);

/** vServer groups as the controller sees them: one group in memory; every call takes `latencyMs` on the clock. */
export class FakeVServerGroups implements ServerGroups {
  limits: GroupLimits = {
    rowsPerCall: { add: 40, set: 40, remove: 40 },
    description: { min: 1, max: 80 },
    pollMs: 1_000,
  };
  /** Excludes health calls. */
  readonly calls: Call[] = [];
  /** Times of the health calls. */
  readonly healthCalls: number[] = [];
  /** The health of each address by listener name; the default is one listener that reports `normal`. */
  readonly health = new Map<string, Readonly<Record<string, BackendHealth['status']>>>();
  rows: Row[] = [];
  /** The groups that each load balancer lists, by its ID. */
  readonly lists = new Map<string, readonly NamedGroup[]>();
  /** The load balancers whose groups were listed. */
  readonly listCalls: string[] = [];
  /** Throws to reject the call. */
  beforeList: () => void = () => {};
  /** The name of the one group. */
  name = 'web';
  latencyMs = 20;
  /** Throws to reject the call, returns 'no-reply' to carry it out and lose the reply, or changes the reply. */
  behave: Behaviour = () => undefined;
  /** How long a call waits for its credentials. */
  credentialsMs = 0;
  /** Called while a call obtains its credentials. */
  beforeLeaving: () => void = () => {};
  inFlight = 0;
  mostInFlight = 0;
  /** What was acquired: `action`, followed by `!` if urgent. */
  readonly acquired: string[] = [];
  #gate: PromiseWithResolvers<void> | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get writes(): Call[] {
    return this.calls.filter(({ action }) => action !== 'describe');
  }

  /** `address or instance:port*weight`, sorted. */
  get shown(): string[] {
    return this.rows.map((row) => `${row.serverIp ?? row.serverId}:${row.port}*${row.weight}`).sort();
  }

  /** Blocks all writes until `release`. */
  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async acquire(_scope: Scope, action: string, urgent: boolean): Promise<void> {
    this.acquired.push(`${action}${urgent ? '!' : ''}`);
    await this.#gate?.promise;
  }

  job(): Promise<JobState> {
    return Promise.resolve({ is: 'done' });
  }

  async describe(group: GroupRef) {
    const reply = await this.#call('describe', group, [], () => {});
    return { ...reply, pending: false, loadBalancerId: 'lb-1', name: this.name };
  }

  async list({ id }: LoadBalancerRef): Promise<readonly NamedGroup[]> {
    this.listCalls.push(id);
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.latencyMs));
    this.beforeList();
    return this.lists.get(id) ?? [];
  }

  async describeHealth(): Promise<readonly BackendHealth[]> {
    this.healthCalls.push(this.#clock.now());
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.latencyMs));
    this.behave({ at: this.#clock.now(), action: 'health', group: '', backends: [], rows: [] });
    return this.rows.flatMap((row) => {
      const listeners = this.health.get(row.serverIp ?? '') ?? { 'tcp:80': 'normal' };
      return Object.entries(listeners).map(([listener, status]) => ({
        backend: backendKey(row),
        listener,
        status,
      }));
    });
  }

  add(group: GroupRef, rows: readonly Row[], options?: CallOptions) {
    return this.#write(
      'add',
      group,
      rows,
      () => {
        this.rows = [...this.rows, ...rows];
      },
      options,
    );
  }

  setWeight(group: GroupRef, rows: readonly Row[], options?: CallOptions) {
    const byKey = new Map(rows.map((row) => [backendKey(row), row]));
    return this.#write(
      'set',
      group,
      rows,
      () => {
        this.rows = this.rows.map((row) => ({
          ...row,
          weight: byKey.get(backendKey(row))?.weight ?? row.weight,
        }));
      },
      options,
    );
  }

  remove(group: GroupRef, rows: readonly Row[], options?: CallOptions) {
    const keys = new Set(rows.map(backendKey));
    return this.#write(
      'remove',
      group,
      rows,
      () => {
        this.rows = this.rows.filter((row) => !keys.has(backendKey(row)));
      },
      options,
    );
  }

  async #write(
    action: Call['action'],
    group: GroupRef,
    rows: readonly Row[],
    carryOut: () => void,
    options?: CallOptions,
  ) {
    return { is: 'done', ...(await this.#call(action, group, rows, carryOut, options)) } as const;
  }

  async #call(
    action: Call['action'],
    group: GroupRef,
    rows: readonly Row[],
    carryOut: () => void,
    options: CallOptions = {},
  ): Promise<Reply> {
    if (this.credentialsMs > 0)
      await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.credentialsMs));
    this.beforeLeaving();
    if (options.mayLeave?.() === false) throw new WithdrawnError(action);
    const backends = rows.map((row) => row.serverIp ?? row.serverId);
    const call = { at: this.#clock.now(), action, group: group.id, backends, rows };
    this.calls.push(call);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.latencyMs));
    this.inFlight--;
    const behaviour = this.behave(call);
    carryOut();
    if (behaviour === 'no-reply') throw apiError('transient', 'ECONNRESET', 'unknown');
    const reply = { requestId: `request-${this.calls.length}`, rows: [...this.rows] };
    return typeof behaviour === 'function' ? behaviour(reply) : reply;
  }
}

export function apiError(
  kind: ErrorKind,
  code: string,
  outcome: CallOutcome = 'refused',
  text = 'refused by the test',
): ApiError {
  return createApiError({ kind, code, outcome, text, action: 'Test', requestId: `request-${++lastRequest}` });
}

/** Each reply of the API has another id. */
let lastRequest = 0;

/** Every address has the ENI `eni-<address>` unless `answers` says otherwise; a pending lookup stays pending until `answer`. */
export class FakeEnis implements EniResolver {
  readonly answers = new Map<string, EniLookup>();
  readonly asked: string[] = [];
  readonly invalidated: string[] = [];
  readonly #listeners: ((regionId: string, ips: readonly string[]) => void)[] = [];

  lookup(_: string, ip: string): EniLookup {
    this.asked.push(ip);
    return this.answers.get(ip) ?? { state: 'found', eniId: `eni-${ip}` };
  }

  invalidate(_: string, ip: string): void {
    this.invalidated.push(ip);
  }

  onResolved(listener: (regionId: string, ips: readonly string[]) => void): void {
    this.#listeners.push(listener);
  }

  answer(ip: string, lookup: EniLookup): void {
    this.answers.set(ip, lookup);
    for (const listener of this.#listeners) listener('cn-hangzhou', [ip]);
  }
}
