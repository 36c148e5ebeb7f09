import {
  type BackendServer,
  type CallOptions,
  type GroupReply,
  type SlbApi,
  WithdrawnError,
} from '../../../../src/alibaba/api/slb-api.ts';
import type { EniLookup, EniResolver } from '../../../../src/alibaba/eni-resolver.ts';
import { ApiError, type ErrorKind, type Outcome } from '../../../../src/alibaba/errors/errors.ts';
import type { RateLimiter } from '../../../../src/alibaba/throttle.ts';
import type { Clock } from '../../../../src/clock.ts';
import { backendKey } from '../../../../src/membership/backend.ts';

export interface Call {
  readonly at: number;
  readonly action: 'describe' | 'add' | 'set' | 'remove';
  readonly backends: readonly string[];
  readonly rows: readonly BackendServer[];
}

type Behaviour = (call: Call) => undefined | 'no-reply' | ((reply: GroupReply) => GroupReply);

/** The SLB API as the controller sees it, over one group in memory; every call takes `latencyMs` of the clock. */
export class FakeSlb implements SlbApi {
  readonly calls: Call[] = [];
  rows: BackendServer[] = [];
  latencyMs = 20;
  /** Throws to refuse; returns 'no-reply' to carry the call out and lose the answer; or alters the answer. */
  behave: Behaviour = () => undefined;
  /** What happens while a call gets its credentials. */
  beforeLeaving: () => void = () => {};
  inFlight = 0;
  mostInFlight = 0;
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

  async describeVServerGroup() {
    const reply = await this.#call('describe', [], () => {});
    return { ...reply, vServerGroupName: 'group', loadBalancerId: 'lb-1' };
  }

  addBackends(_: unknown, backends: readonly BackendServer[], options?: CallOptions): Promise<GroupReply> {
    return this.#call(
      'add',
      backends,
      () => {
        this.rows = [...this.rows, ...backends];
      },
      options,
    );
  }

  setBackends(_: unknown, backends: readonly BackendServer[], options?: CallOptions): Promise<GroupReply> {
    const byKey = new Map(backends.map((row) => [backendKey(row), row]));
    return this.#call(
      'set',
      backends,
      () => {
        this.rows = this.rows.map((row) => ({
          ...row,
          weight: byKey.get(backendKey(row))?.weight ?? row.weight,
        }));
      },
      options,
    );
  }

  removeBackends(_: unknown, backends: readonly BackendServer[], options?: CallOptions): Promise<GroupReply> {
    const keys = new Set(backends.map(backendKey));
    return this.#call(
      'remove',
      backends,
      () => {
        this.rows = this.rows.filter((row) => !keys.has(backendKey(row)));
      },
      options,
    );
  }

  async #call(
    action: Call['action'],
    rows: readonly BackendServer[],
    carryOut: () => void,
    options: CallOptions = {},
  ): Promise<GroupReply> {
    this.beforeLeaving();
    if (options.mayLeave?.() === false) throw new WithdrawnError(action);
    const backends = rows.map((row) => row.serverIp ?? row.serverId);
    const call = { at: this.#clock.now(), action, backends, rows };
    this.calls.push(call);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, this.latencyMs));
    this.inFlight--;
    const behaviour = this.behave(call);
    carryOut();
    if (behaviour === 'no-reply') throw apiError('transient', 'ECONNRESET', 'unknown');
    const reply = { requestId: `request-${this.calls.length}`, backends: [...this.rows] };
    return typeof behaviour === 'function' ? behaviour(reply) : reply;
  }
}

export function apiError(
  kind: ErrorKind,
  code: string,
  outcome: Outcome = 'refused',
  text = 'refused by the test',
): ApiError {
  return new ApiError({ kind, code, outcome, text, action: 'Test', requestId: 'request-x' });
}

/** Every address has the ENI `eni-<address>` unless told otherwise; an answer that is not there yet stays pending. */
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

  close(): void {}
}

/** Gives tokens at once, or holds everyone until told. */
export class FakeLimiter implements RateLimiter {
  readonly asked: string[] = [];
  readonly tokens = 1;
  readonly waiting = { removal: 0, read: 0, addition: 0 };
  readonly rate = 1;
  #gate: PromiseWithResolvers<void> | undefined;

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async acquire(priority: string): Promise<void> {
    this.asked.push(priority);
    await this.#gate?.promise;
  }

  onThrottled(): void {}
  close(): void {}
}
