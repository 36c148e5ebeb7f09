import type { EventReason } from '../../api/conditions.ts';
import { type BackoffOptions, backoffMs } from '../../backoff.ts';
import type { Clock, Timer } from '../../clock.ts';
import type { ServerGroups } from '../../cloud/server-groups.ts';
import { retryAfterMsOf } from '../../kubernetes/client/api-error.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import type { Store, StoreChange } from '../../kubernetes/informer/store.ts';
import { Turns } from '../../kubernetes/informer/turns.ts';
import { isOlder } from '../../kubernetes/objects/metadata.ts';
import type { GatedPodObject } from '../../kubernetes/objects/objects.ts';
import type { EventInput } from '../../kubernetes/write/event-body.ts';
import { type Gate, type GateVerdict, gateOf, TIMED_OUT } from '../../membership/readiness/gate.ts';
import { messages } from '../binding/messages.ts';
import type { BindingVerdict } from '../binding/verdict.ts';
import { type BindingObject, type ClusterCaches, metadataOf, serviceOf } from '../cluster/cluster-caches.ts';
import { type GateToWrite, GateWriter } from './gate-writer.ts';
import type { GroupFacts } from './group-registrations.ts';
import { HealthChecks } from './health-checks.ts';
import { NOTHING, Registrations, type Wants } from './registrations.ts';

export interface ReadinessGatesOptions {
  readonly dryRun: boolean;
  /** This process sees all bindings of the cluster. */
  readonly seesAll: boolean;
}

export interface ReadinessGatesParts {
  /** The pods whose gate is not settled, in the watched namespaces. */
  readonly pods: Store<GatedPodObject>;
  readonly caches: Pick<ClusterCaches, 'bindings' | 'services' | 'endpoints' | 'closedNamespaces'>;
  readonly groups: Pick<ServerGroups, 'describeHealth'>;
  readonly transport: Pick<KubeTransport, 'request'>;
  readonly events: { record(event: EventInput): void };
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Called before each write: false as soon as another replica may lead. */
  readonly mayWrite: () => boolean;
  /** Called at the same times: whether the caches can be trusted. */
  readonly isFresh: () => boolean;
  readonly hooks: ReadinessGatesHooks;
}

/** Observers of the gates; they change nothing. */
export interface ReadinessGatesHooks {
  onGateWritten(pod: GatedPodObject, gate: GateToWrite): void;
  /** The write is retried automatically. */
  onGateFailed(pod: GatedPodObject, error: unknown, attempts: number, retryInMs: number): void;
}

/** What is remembered about a pod whose gate is not settled. */
interface Waiting {
  readonly uid: string;
  /** Since when the gate alone has kept it waiting. */
  closedSince: number | undefined;
  wants: Wants;
  /** The last gate written, which the cache may not show yet. */
  written: { readonly gate: Gate; readonly version: string } | undefined;
  isWriting: boolean;
  failures: number;
  retryAt: number;
  timer: Timer | undefined;
}

/** Concurrent patches: a starting Deployment needs a few dozen, a starting operator may find thousands of pods. */
const WRITES_AT_ONCE = 8;
const RETRIES: BackoffOptions = { baseMs: 200, capMs: 30_000, jitter: 0.2 };
/** Pause while the gate can't be written, for example because caches in doubt are being listed again. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Opens the readiness gates of pods, and closes them (`gateOf` says when).
 *
 * Level-based, like the groups: a pod is judged again whenever it changes, a binding or Service in its namespace changes, a
 * group that wants it has been reconciled or looked up, a load balancer has reported its health, or time changes the verdict; and
 * once more right before each write. Pods whose gate is settled, which are nearly all, are not even cached.
 */
export class ReadinessGates {
  readonly #options: ReadinessGatesOptions;
  readonly #parts: ReadinessGatesParts;
  readonly #writer: GateWriter;
  readonly #registrations: Registrations;
  /** Undefined: this kind of group does not report health. */
  readonly #health: HealthChecks | undefined;
  readonly #turns = new Turns(WRITES_AT_ONCE);
  /** By key of the pod. */
  readonly #waiting = new Map<string, Waiting>();
  #runs = false;

  constructor(options: ReadinessGatesOptions, parts: ReadinessGatesParts) {
    this.#options = options;
    this.#parts = parts;
    this.#writer = new GateWriter(parts.transport, parts.clock);
    const { pods, caches } = parts;
    pods.index('namespace', ({ namespace }) => [namespace]);
    this.#health = this.#createHealthChecks();
    this.#registrations = new Registrations(caches, options.dryRun, this.#health);
    pods.onChange(({ old, new: now }) => {
      if (now === undefined || (old !== undefined && old.uid !== now.uid))
        this.#forget((now ?? old)?.key ?? '');
      if (now !== undefined) this.#judge(now);
    });
    caches.bindings.onChange((change) => this.#bindingChanged(change));
    caches.services.onChange(({ old, new: now }) => this.judgeAll((now ?? old)?.namespace ?? ''));
  }

  /** Starts judging pods: this process leads, and its caches are complete. */
  start(): void {
    this.#runs = true;
    for (const pod of this.#parts.pods.list()) this.#judge(pod);
  }

  /** Stops judging and aborts what is in flight. */
  stop(): void {
    this.#runs = false;
    for (const key of [...this.#waiting.keys()]) this.#forget(key);
    this.#health?.stop();
    this.#writer.close();
  }

  #createHealthChecks(): HealthChecks | undefined {
    const { groups, clock, random } = this.#parts;
    const describeHealth = groups.describeHealth?.bind(groups);
    if (describeHealth === undefined) return undefined;
    const onAnswer = (key: string) => {
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined) this.#judgeAgain(key, waiting);
    };
    return new HealthChecks({ describeHealth, clock, random, onAnswer });
  }

  /** The binding's group was reconciled as far as it can go now. */
  concluded(binding: BindingObject, facts: GroupFacts): void {
    this.#registrations.concluded(binding, facts);
    if (this.#waiting.size === 0) return;
    this.#judgeWantedBy(binding);
    for (const { subsets } of this.#parts.caches.endpoints.byIndex('service', serviceOf(binding) ?? ''))
      for (const { pod } of subsets.flatMap(({ addresses }) => addresses))
        if (pod !== undefined) this.#nowWanted(`${pod.namespace}/${pod.name}`, binding);
  }

  /** The binding is on no group, because of this verdict. Undefined: the group is looked up or was just found. */
  groupless(binding: BindingObject, verdict: BindingVerdict | undefined): void {
    this.#registrations.groupless(binding, verdict);
    this.#judgeWantedBy(binding);
  }

  #judgeWantedBy({ uid }: BindingObject): void {
    for (const [key, waiting] of this.#waiting)
      if (waiting.wants.wantedBy.has(uid)) this.#judgeAgain(key, waiting);
  }

  /** For a Service without a selector, only an endpoint list shows that the binding wants the pod. */
  #nowWanted(key: string, { uid }: BindingObject): void {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && !waiting.wants.wantedBy.has(uid)) this.#judgeAgain(key, waiting);
  }

  #bindingChanged({ old, new: now }: StoreChange<BindingObject>): void {
    if (old !== undefined && old.uid !== now?.uid) this.#registrations.forget(old);
    const isSame = old?.uid === now?.uid && generationOf(old) === generationOf(now);
    if (!isSame) this.judgeAll((now ?? old)?.namespace ?? '');
  }

  /** Anything that the gates of the namespace depend on may have changed. */
  judgeAll(namespace: string): void {
    if (!this.#runs) return;
    for (const pod of this.#parts.pods.byIndex('namespace', namespace)) this.#judge(pod);
  }

  /** In a closed namespace there may be bindings that want the pod, and that this process does not know. */
  #judges({ namespace }: GatedPodObject): boolean {
    return this.#runs && !this.#parts.caches.closedNamespaces.has(namespace);
  }

  #judge(pod: GatedPodObject): void {
    if (!this.#judges(pod)) return;
    const waiting = this.#waitingOf(pod);
    const { gate, until } = this.#verdictOn(pod, waiting);
    this.#health?.follow(pod.key, waiting.wants.loadBalancers);
    const mayWrite = waiting.retryAt <= this.#parts.clock.now();
    const retryAt = gate === undefined || mayWrite ? Infinity : waiting.retryAt;
    this.#lookAgainAt(waiting, pod.key, Math.min(until ?? Infinity, retryAt));
    if (gate !== undefined && !waiting.isWriting && mayWrite) void this.#write(pod.key, waiting);
  }

  #waitingOf({ key, uid }: GatedPodObject): Waiting {
    const known = this.#waiting.get(key);
    if (known !== undefined) return known;
    const waiting: Waiting = {
      uid,
      closedSince: undefined,
      wants: NOTHING,
      written: undefined,
      isWriting: false,
      failures: 0,
      retryAt: Number.NEGATIVE_INFINITY,
      timer: undefined,
    };
    this.#waiting.set(key, waiting);
    return waiting;
  }

  #verdictOn(pod: GatedPodObject, waiting: Waiting): GateVerdict {
    const now = this.#parts.clock.now();
    const gate = gateNow(pod, waiting);
    const waits = pod.registrable && !gate?.open;
    waiting.closedSince = waits ? (waiting.closedSince ?? now) : undefined;
    waiting.wants = this.#registrations.of(pod, waiting.wants, waits, now);
    const { seesAll } = this.#options;
    return gateOf({
      pod: { ...pod, gate },
      registrations: waiting.wants.registrations,
      seesAll,
      closedSince: waiting.closedSince ?? now,
      now,
    });
  }

  #lookAgainAt(waiting: Waiting, key: string, at: number): void {
    const { clock } = this.#parts;
    waiting.timer?.cancel();
    waiting.timer = undefined;
    if (!Number.isFinite(at)) return;
    // The time may have passed since the verdict was made.
    const ms = Math.max(0, at - clock.now());
    waiting.timer = clock.setTimeout(() => this.#judgeAgain(key, waiting), ms);
  }

  #judgeAgain(key: string, { uid }: Waiting): void {
    const pod = this.#parts.pods.get(key);
    if (pod?.uid === uid) this.#judge(pod);
  }

  /** Never throws. */
  async #write(key: string, waiting: Waiting): Promise<void> {
    waiting.isWriting = true;
    await this.#turns.take(() => this.#writeNow(key, waiting));
    waiting.isWriting = false;
    this.#judgeAgain(key, waiting);
  }

  /** The write may have waited for its turn, so the verdict is made again. */
  async #writeNow(key: string, waiting: Waiting): Promise<void> {
    const { pods, clock, mayWrite, isFresh } = this.#parts;
    const pod = pods.get(key);
    if (pod?.uid !== waiting.uid || !this.#judges(pod)) return;
    const { gate } = this.#verdictOn(pod, waiting);
    if (gate === undefined) return;
    // The retry time if the gate can't be written now; a successful write resets it.
    waiting.retryAt = clock.now() + LOOK_AGAIN_MS;
    if (!mayWrite() || !isFresh()) return;
    try {
      const version = await this.#writer.write({ ...pod, gate: gateNow(pod, waiting) }, gate);
      if (version === undefined) return;
      if (!isOlder(pod.resourceVersion, version))
        throw new Error('the API server changed nothing of the pod');
      waiting.written = { gate, version };
      waiting.failures = 0;
      waiting.retryAt = clock.now();
      this.#tell(pod, gate);
    } catch (error) {
      if (this.#runs) this.#failed(pod, waiting, error);
    }
  }

  #failed(pod: GatedPodObject, waiting: Waiting, error: unknown): void {
    const { clock, random, hooks } = this.#parts;
    const retryInMs = Math.max(retryAfterMsOf(error), backoffMs(waiting.failures, { ...RETRIES, random }));
    waiting.failures++;
    waiting.retryAt = clock.now() + retryInMs;
    hooks.onGateFailed(pod, error, waiting.failures, retryInMs);
  }

  #tell(pod: GatedPodObject, gate: GateToWrite): void {
    const { hooks, events } = this.#parts;
    hooks.onGateWritten(pod, gate);
    if (!gate.open || gate.reason !== TIMED_OUT) return;
    const { namespace, name, uid } = pod;
    const reason: EventReason = 'ReadinessGateTimedOut';
    events.record({
      regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
      ...{ type: 'Warning', reason, action: 'OpenGate', note: messages.gateTimedOut(gate.message) },
    });
  }

  #forget(key: string): void {
    this.#health?.follow(key, []);
    this.#waiting.get(key)?.timer?.cancel();
    this.#waiting.delete(key);
  }
}

/** The gate that was last written, until the cache shows it. */
function gateNow({ resourceVersion, gate }: GatedPodObject, { written }: Waiting): Gate | undefined {
  return written !== undefined && isOlder(resourceVersion, written.version) ? written.gate : gate;
}

function generationOf(binding: BindingObject | undefined): number | undefined {
  return binding && metadataOf(binding).generation;
}
