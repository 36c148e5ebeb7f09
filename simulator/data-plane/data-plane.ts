import type { Row } from '../state/backend-servers.ts';
import { rowKey } from '../state/backend-servers.ts';
import type { Listener } from '../state/listeners.ts';
import type { Change, SimulatorState } from '../state/state.ts';
import type { Behaviour } from './behaviour.ts';
import type { Clock } from './clock.ts';
import type { Address } from './connect.ts';
import type { Belief, Failure } from './forwarding.ts';
import type { CheckedHealth } from './health-check.ts';
import { ForwardingListener } from './listener.ts';
import { behaviourOf, configurationOf, type ListenerOptions } from './listener-options.ts';
import { RecordOf } from './record.ts';

/** The addresses of the nodes by instance id, for rows of type `ecs`. */
export type InstanceAddresses =
  | Readonly<Record<string, string>>
  | ReadonlyMap<string, string>
  | ((instanceId: string) => string | undefined);

export interface DataPlaneParts {
  readonly state: SimulatorState;
  readonly clock: Clock;
  readonly random: () => number;
  readonly listenHost: string;
  /** Where a listener created through the API listens: on its own port, or on any free one. */
  readonly listenerPorts: 'own' | 'any';
  readonly instanceAddresses: InstanceAddresses;
  readonly forAll: Partial<Behaviour>;
}

/** How many failures, and how many changes of belief, are kept. */
const REMEMBERED = 50_000;

/** Forwards connections to listeners that have a configuration, according to the state. Each machine follows the state with some delay. */
export class DataPlane {
  readonly failures = new RecordOf<Failure>(REMEMBERED);
  readonly beliefs = new RecordOf<Belief>(REMEMBERED);
  readonly #parts: DataPlaneParts;
  readonly #listeners = new Map<string, ForwardingListener>();
  readonly #stopListening: () => void;
  #closed = false;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
    this.#stopListening = parts.state.onChange((change) => this.#take(change));
  }

  /** In order of creation. */
  get listeners(): readonly ForwardingListener[] {
    return [...this.#listeners.values()];
  }

  listener(
    loadBalancer: string,
    { protocol, port }: Pick<Listener, 'protocol' | 'port'>,
  ): ForwardingListener | undefined {
    return this.#listeners.get(idOf(loadBalancer, { protocol, port }));
  }

  /** Calls `listener` for each failure; returns a function that unsubscribes it. */
  onFailure(listener: (failure: Failure) => void): () => void {
    return this.failures.on(listener);
  }

  /** Creates a running listener and adds it to the state. Rejects if its port is not available. */
  async open(options: ListenerOptions): Promise<ForwardingListener> {
    const { protocol, group: vServerGroupId, port = 0 } = options;
    const { state, listenHost, forAll } = this.#parts;
    const loadBalancer = state.group(vServerGroupId).loadBalancerId;
    const configuration = configurationOf(options);
    const made = this.#make(
      loadBalancer,
      protocol,
      vServerGroupId,
      configuration,
      behaviourOf(protocol, forAll, options),
    );
    const address = await made.start({ host: listenHost, port }, state.group(vServerGroupId).rows());
    this.#keep(made, address.port);
    const listener = {
      protocol,
      port: address.port,
      vServerGroupId,
      status: 'running',
      configuration,
    } as const;
    state.addListener(loadBalancer, listener);
    return made;
  }

  /** A row's health according to the listener's health check; undefined for a listener that forwards nothing. */
  health(loadBalancer: string, listener: Listener, row: Row): CheckedHealth | undefined {
    const forwarding = this.listener(loadBalancer, listener)?.forwarding;
    // "The ECS instance is determined as healthy": Health check FAQ, on weight 0.
    return forwarding && row.weight === 0 ? 'normal' : forwarding?.health(rowKey(row));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    await Promise.all(this.listeners.map((listener) => listener.stop()));
  }

  #take({ kind, group, loadBalancer, row, listener }: Change): void {
    if (kind === 'listener-changed' && listener) this.#listenerChanged(loadBalancer, listener);
    else if (kind === 'listener-removed' && listener) this.#listenerRemoved(loadBalancer, listener);
    else if (kind === 'group-deleted') this.#groupDeleted(group);
    if (!row) return;
    const weight = kind === 'row-removed' ? undefined : row.weight;
    for (const { forwarding, running } of this.#listeners.values()) {
      if (running && forwarding.group === group) forwarding.change(row, weight);
    }
  }

  #listenerChanged(loadBalancer: string, listener: Listener): void {
    const { protocol, port, vServerGroupId = '', configuration, status } = listener;
    if (!configuration || (protocol !== 'tcp' && protocol !== 'http')) return;
    const behaviour = (): Behaviour => behaviourOf(protocol, this.#parts.forAll);
    let known = this.listener(loadBalancer, listener);
    if (!known) {
      known = this.#make(loadBalancer, protocol, vServerGroupId, configuration, behaviour());
      this.#keep(known, port);
    }
    const rows = this.#parts.state.findGroup(vServerGroupId)?.rows() ?? [];
    known.configure(vServerGroupId, configuration, rows);
    if (status === 'running' && !known.running) void this.#start(known, rows);
    else if (status !== 'running' && known.running) void known.stop();
  }

  async #start(listener: ForwardingListener, rows: readonly Row[]): Promise<void> {
    const { listenHost, listenerPorts } = this.#parts;
    const port = listener.address?.port ?? (listenerPorts === 'own' ? listener.port : 0);
    try {
      await listener.start({ host: listenHost, port }, rows);
      if (this.#closed) await listener.stop();
    } catch (error) {
      // The API has already reported success, as the cloud does, where a port is never taken by someone else.
      console.error(`slb-simulator: listener ${listener.id} forwards nothing: ${(error as Error).message}`);
    }
  }

  #listenerRemoved(loadBalancer: string, listener: Listener): void {
    const known = this.listener(loadBalancer, listener);
    if (!known) return;
    this.#listeners.delete(known.id);
    void known.stop();
  }

  #groupDeleted(group: string): void {
    for (const { forwarding } of this.#listeners.values()) {
      if (forwarding.group !== group) continue;
      for (const { row } of forwarding.targets.values()) forwarding.change(row, undefined);
    }
  }

  #make(
    loadBalancer: string,
    protocol: 'tcp' | 'http',
    group: string,
    configuration: ConstructorParameters<typeof ForwardingListener>[3],
    behaviour: Behaviour,
  ): ForwardingListener {
    const { clock, random, state } = this.#parts;
    return new ForwardingListener(loadBalancer, protocol, group, configuration, behaviour, {
      clock,
      random,
      addressOf: (row) => this.#addressOf(row),
      inGroup: (id, key) => state.findGroup(id)?.row(key),
      onFailure: (failure) => this.failures.add(failure),
      onBelief: (belief) => this.beliefs.add(belief),
    });
  }

  #keep(listener: ForwardingListener, port: number): void {
    listener.name(port, idOf(listener.loadBalancer, { protocol: listener.protocol, port }));
    this.#listeners.set(listener.id, listener);
  }

  /** For an instance: the node's address with the row's port, which is a node port. Otherwise the row's own address. */
  #addressOf({ type, serverId, serverIp, port }: Row): Address | undefined {
    const { instanceAddresses } = this.#parts;
    const host = type === 'ecs' ? lookUp(instanceAddresses, serverId) : serverIp;
    return host ? { host, port } : undefined;
  }
}

function idOf(loadBalancer: string, { protocol, port }: Pick<Listener, 'protocol' | 'port'>): string {
  return `${loadBalancer}/${protocol}:${port}`;
}

function lookUp(addresses: InstanceAddresses, id: string): string | undefined {
  if (typeof addresses === 'function') return addresses(id);
  if (addresses instanceof Map) return addresses.get(id);
  return Object.hasOwn(addresses, id) ? (addresses as Readonly<Record<string, string>>)[id] : undefined;
}
