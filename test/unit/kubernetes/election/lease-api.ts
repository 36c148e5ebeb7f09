import type { FakeClock } from '../../../../lab/time/fake-clock.ts';
import type { Clock } from '../../../../src/clock.ts';
import { createTransport } from '../../../../src/kubernetes/client/transport.ts';
import type { KubeTransport } from '../../../../src/kubernetes/client/transport-types.ts';
import { type Answer, FakeApi, type Seen, status } from '../fake-api.ts';

interface StoredLease {
  readonly metadata: { readonly resourceVersion: string; readonly [field: string]: unknown };
  readonly spec: { readonly [field: string]: unknown };
}

/** What happens to the requests of one candidate, which its user agent identifies. */
export type Fate = 'served' | 'refused' | 'swallowed' | 'reply lost';

/** Leases as the API server keeps them, behind real HTTP; the test controls time. */
export class LeaseApi implements AsyncDisposable {
  readonly fates = new Map<string, Fate>();
  lease: StoredLease | undefined;
  readonly #api: FakeApi;
  readonly #clock: FakeClock;
  readonly #transports: KubeTransport[] = [];
  #version = 0;
  #swallowed = 0;
  #inFlight = 0;

  private constructor(api: FakeApi, clock: FakeClock) {
    this.#api = api;
    this.#clock = clock;
    api.answer = (request) => this.#meet(request);
  }

  static async start(clock: FakeClock): Promise<LeaseApi> {
    return new LeaseApi(await FakeApi.start(), clock);
  }

  get seen(): readonly Seen[] {
    return this.#api.seen;
  }

  transport(name: string, clock: Clock): KubeTransport {
    const transport = createTransport(this.#api.kubeConfig(), { clock, userAgent: name });
    this.#transports.push(transport);
    const request: KubeTransport['request'] = (...call) => {
      this.#inFlight++;
      return transport.request<never>(...call).finally(() => this.#inFlight--);
    };
    return Object.assign(Object.create(transport), { request });
  }

  /** Advances time in small steps, waiting for the network to be idle after each of them. */
  async advance(ms: number, eachStep: () => void = () => {}): Promise<void> {
    const end = this.#clock.now() + ms;
    await this.#rest();
    while (this.#clock.now() < end) {
      await this.#clock.advance(Math.min(100, end - this.#clock.now()));
      await this.#rest();
      eachStep();
    }
  }

  /** A write by another client. */
  change(metadata: object, spec: object): void {
    this.#store({ ...this.lease?.metadata, ...metadata }, { ...this.lease?.spec, ...spec });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
    await this.#api[Symbol.asyncDispose]();
  }

  async #rest(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet = this.#inFlight > this.#swallowed ? 0 : quiet + 1)
      await new Promise((resolve) => setImmediate(resolve));
  }

  #meet(request: Seen): Answer | undefined {
    const fate = this.fates.get(request.headers['user-agent'] ?? '') ?? 'served';
    if (fate === 'refused') return { status: 503, body: status(503, 'ServiceUnavailable') };
    if (fate !== 'swallowed') this.#swallowed = 0;
    const answer = fate === 'swallowed' ? undefined : this.#serve(request);
    if (fate === 'reply lost') return { status: 500, body: status(500, 'InternalError') };
    if (answer === undefined) this.#swallowed++;
    return answer;
  }

  #serve({ method, body }: Seen): Answer {
    const stored = this.lease;
    if (method === 'POST') {
      if (stored !== undefined) return { status: 409, body: status(409, 'AlreadyExists') };
      return { status: 201, body: this.#write(JSON.parse(body)) };
    }
    if (stored === undefined) return { status: 404, body: status(404, 'NotFound') };
    if (method === 'GET') return { body: stored };
    const sent: StoredLease = JSON.parse(body);
    if (sent.metadata.resourceVersion !== stored.metadata.resourceVersion)
      return { status: 409, body: status(409, 'Conflict') };
    return { body: this.#write(sent) };
  }

  #write({ metadata, spec }: StoredLease): StoredLease {
    for (const time of ['acquireTime', 'renewTime']) {
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(String(spec[time])))
        throw new Error(`${time} is no MicroTime: ${spec[time]}`);
    }
    return this.#store(metadata, spec);
  }

  #store(metadata: object, spec: object): StoredLease {
    const stored = { metadata: { ...metadata, resourceVersion: String(++this.#version) }, spec: { ...spec } };
    this.lease = stored;
    return stored;
  }
}
