import type { Socket } from 'node:net';
import type { Row } from '../state/backend-servers.ts';
import type { ListenerConfiguration } from '../state/listeners.ts';
import type { Behaviour } from './behaviour.ts';
import type { Clock, Timer } from './clock.ts';
import { type Address, type ConnectFailure, connect, type Pending } from './connect.ts';
import { type Cause, type Counts, newCounts } from './counts.ts';
import { type CheckedHealth, HealthCheck } from './health-check.ts';
import { type Believed, type Carried, Machine, Target } from './machine.ts';
import { probe } from './probe.ts';
import type { Client } from './scheduling.ts';
import { Sessions } from './sessions.ts';

/** A failed connection or request, or a failed attempt at one row that was followed by an attempt at the next. */
export interface Failure {
  /** Ms since the epoch. */
  readonly at: number;
  /** Id of the listener. */
  readonly listener: string;
  readonly machine: number;
  readonly cause: Cause;
  /** Absent if there was no row to choose. */
  readonly row?: Row;
  /** The row's weight as the machine knew it. */
  readonly believedWeight?: number;
  /** The row's weight in the group at this moment; absent if the row is not in the group any more. */
  readonly groupWeight?: number;
  /** Another row was tried next, so the client did not see this failure. */
  readonly retried: boolean;
}

/** A change that a machine has learned of and acts on from now on. */
export interface Belief {
  /** Ms since the epoch. */
  readonly at: number;
  readonly listener: string;
  readonly machine: number;
  readonly row: Row;
  /** Absent if the row was removed. */
  readonly weight?: number;
  /** When the change was made, ms since the epoch. */
  readonly changedAt: number;
}

export interface ForwardingParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly addressOf: (row: Row) => Address | undefined;
  /** The row's current state in the group. */
  readonly inGroup: (group: string, key: string) => Row | undefined;
  readonly onFailure: (failure: Failure) => void;
  readonly onBelief: (belief: Belief) => void;
}

export interface Established {
  readonly socket: Socket;
  readonly believed: Believed;
}

/** What a listener does with each connection, whatever its protocol: chooses a row for it and keeps the counts. */
export class Forwarding {
  /** Set once the port is known. */
  id = '';
  group: string;
  readonly behaviour: Behaviour;
  readonly counts: Counts = newCounts();
  readonly machines: readonly Machine[];
  /** By key; includes rows that left. */
  readonly targets = new Map<string, Target>();
  readonly clock: Clock;
  readonly #parts: ForwardingParts;
  readonly #sessions: Sessions;
  readonly #pending: Pending = new Set();
  /** Rows that are unhealthy while connection drain is on. */
  readonly #draining = new Map<Target, Timer>();
  readonly #timers = new Set<Timer>();
  #configuration: ListenerConfiguration;
  #running = false;
  #turn = 0;

  constructor(
    group: string,
    configuration: ListenerConfiguration,
    behaviour: Behaviour,
    parts: ForwardingParts,
  ) {
    this.group = group;
    this.#configuration = configuration;
    this.behaviour = behaviour;
    this.#parts = parts;
    this.clock = parts.clock;
    this.#sessions = new Sessions(parts.clock);
    this.machines = Array.from(
      { length: behaviour.machines },
      (_, index) => new Machine(index + 1, { ...parts, delay: () => this.behaviour.propagationMs }),
    );
  }

  get configuration(): ListenerConfiguration {
    return this.#configuration;
  }

  /** Running timers keep their time. */
  set configuration(configuration: ListenerConfiguration) {
    this.#configuration = configuration;
    for (const target of this.targets.values()) if (target.believers > 0) this.#beginCheck(target);
    if (!configuration.healthCheck) for (const target of this.targets.values()) this.#endCheck(target);
  }

  /** Each machine learns of the change with its own delay. `weight` is undefined if the row was removed. */
  change(row: Row, weight: number | undefined): void {
    const changedAt = this.clock.wall();
    const target = this.#target(row);
    for (const machine of this.machines) {
      machine.hear(() => {
        if (!this.#believe(machine, target, weight)) return;
        const { id: listener } = this;
        const belief = { at: this.clock.wall(), listener, machine: machine.number, row, changedAt };
        this.#parts.onBelief(weight === undefined ? belief : { ...belief, weight });
      });
    }
  }

  /** Starts with rows that all machines know immediately. */
  begin(rows: readonly Row[]): void {
    this.#running = true;
    for (const row of rows) {
      const target = this.#target(row);
      for (const machine of this.machines) this.#believe(machine, target, row.weight);
    }
  }

  /** Resets all connections and stops all health checks. Rows are forgotten, counts are kept. */
  end(): void {
    for (const machine of this.machines) {
      machine.stop();
      for (const { target } of machine.rows) {
        const believed = machine.drop(target.key);
        this.#disbelieve(target);
        for (const carried of believed?.carried ?? []) carried.cut('removed');
      }
    }
    for (const timer of [...this.#timers, ...this.#draining.values()]) timer.cancel();
    this.#timers.clear();
    this.#draining.clear();
    // Connections still being opened are aborted without counting a failure, because the listener is gone.
    this.#running = false;
    for (const socket of this.#pending) socket.destroy();
  }

  /** Without a health check, every row is normal. */
  health(key: string): CheckedHealth {
    if (!this.configuration.healthCheck) return 'normal';
    return this.targets.get(key)?.check?.health ?? 'unavailable';
  }

  /** Spreads connections over the machines in turn. */
  nextMachine(): Machine {
    this.#turn = (this.#turn + 1) % this.machines.length;
    return this.machines[this.#turn] as Machine;
  }

  accept(client: Socket): void {
    this.counts.connections += 1;
    this.counts.active += 1;
    client.on('close', () => {
      this.counts.active -= 1;
    });
    // Its end is handled by `close`; an unhandled error would end the process.
    client.on('error', () => {});
  }

  /**
   * Opens a connection to a row for this client, or returns the cause of a failure that has already been counted. `stickTo`: the key of the
   * row that the client's cookie identifies.
   */
  async establish(machine: Machine, client: Client, stickTo?: string): Promise<Established | Cause> {
    let tried: Set<string> | undefined;
    for (;;) {
      const believed = this.#choose(machine, client, stickTo, tried);
      if (!believed) {
        this.fail(machine, undefined, 'no-backend');
        return 'no-backend';
      }
      const outcome = await this.#connect(believed);
      if (typeof outcome !== 'string') return { socket: outcome, believed };
      const { afterRefusal, afterSynTimeout } = this.behaviour;
      const next = (outcome === 'refused' ? afterRefusal : afterSynTimeout) === 'next';
      this.fail(machine, believed, outcome, next);
      if (!next) return outcome;
      tried = (tried ?? new Set()).add(believed.target.key);
    }
  }

  fail(machine: Machine, believed: Believed | undefined, cause: Cause, retried = false): void {
    if (!this.#running) return;
    if (!retried) this.counts.failures[cause] += 1;
    const failure = { at: this.clock.wall(), listener: this.id, machine: machine.number, cause, retried };
    if (!believed) {
      this.#parts.onFailure(failure);
      return;
    }
    const { target, weight: believedWeight } = believed;
    target.counts.failures[cause] += 1;
    const groupWeight = this.#parts.inGroup(this.group, target.key)?.weight;
    this.#parts.onFailure({
      ...failure,
      row: target.row,
      believedWeight,
      ...(groupWeight === undefined ? {} : { groupWeight }),
    });
  }

  carry(believed: Believed, carried: Carried): void {
    believed.carried.add(carried);
    believed.target.counts.active += 1;
    // The row was removed while the connection to it was being opened.
    if (believed.gone) this.#release(believed);
  }

  uncarry(believed: Believed, carried: Carried): void {
    if (believed.carried.delete(carried)) believed.target.counts.active -= 1;
  }

  #target(row: Row): Target {
    const fresh = new Target(row);
    const target = this.targets.get(fresh.key) ?? fresh;
    target.row = row;
    this.targets.set(target.key, target);
    return target;
  }

  /** Returns whether this changed what the machine knows. */
  #believe(machine: Machine, target: Target, weight: number | undefined): boolean {
    const known = machine.row(target.key);
    if (known?.weight === weight) return false;
    if (weight === undefined) {
      machine.drop(target.key);
      this.#disbelieve(target);
      if (known) this.#release(known);
    } else if (machine.put(target, weight)) {
      target.believers += 1;
      this.#beginCheck(target);
    }
    return true;
  }

  #disbelieve(target: Target): void {
    target.believers -= 1;
    if (target.believers === 0) this.#endCheck(target);
  }

  #beginCheck(target: Target): void {
    const { healthCheck } = this.configuration;
    if (!healthCheck || target.check) return;
    const { clock } = this;
    target.check = new HealthCheck({
      clock,
      configuration: () => this.configuration.healthCheck ?? healthCheck,
      probe: (configuration) =>
        probe(this.#parts.addressOf(target.row), configuration, { clock, pending: this.#pending }),
      onChange: (health) => this.#healthChanged(target, health),
    });
  }

  #endCheck(target: Target): void {
    target.check?.stop();
    target.check = undefined;
    this.#draining.get(target)?.cancel();
    this.#draining.delete(target);
  }

  /** With connection drain, connections of a row that stays unhealthy are closed too ("Add a TCP listener"). */
  #healthChanged(target: Target, health: CheckedHealth): void {
    this.#draining.get(target)?.cancel();
    this.#draining.delete(target);
    const { drainMs } = this.configuration;
    if (health !== 'abnormal' || drainMs === 0) return;
    const timer = this.clock.setTimeout(() => {
      for (const machine of this.machines) {
        for (const carried of machine.row(target.key)?.carried ?? []) carried.cut('drained');
      }
    }, drainMs);
    this.#draining.set(target, timer);
  }

  /** Handles the connections of a row that a machine has dropped. */
  #release(believed: Believed): void {
    const { drainMs } = this.configuration;
    if (drainMs === 0) {
      if (this.behaviour.onRemove === 'keep') return;
      for (const carried of believed.carried) carried.cut('removed');
      return;
    }
    if (believed.carried.size === 0) return;
    const timer = this.clock.setTimeout(() => {
      this.#timers.delete(timer);
      for (const carried of believed.carried) carried.cut('drained');
    }, drainMs);
    this.#timers.add(timer);
  }

  #choose(
    machine: Machine,
    client: Client,
    stickTo: string | undefined,
    tried: ReadonlySet<string> | undefined,
  ): Believed | undefined {
    const { persistenceMs, scheduler } = this.configuration;
    const untried = ({ target }: Believed): boolean => tried === undefined || !tried.has(target.key);
    const key = stickTo ?? (persistenceMs > 0 ? this.#sessions.rowOf(client.address) : undefined);
    const kept = key === undefined ? undefined : machine.row(key);
    const keeps =
      kept !== undefined &&
      untried(kept) &&
      (kept.weight > 0 || this.behaviour.stickyAtWeightZero) &&
      this.#isHealthy(kept);
    const withWeight = (believed: Believed): boolean => believed.weight > 0 && untried(believed);
    const usable = (believed: Believed): boolean => withWeight(believed) && this.#isHealthy(believed);
    const choose = (among: (believed: Believed) => boolean) =>
      machine.schedule.choose(scheduler, machine.rows, client, among);
    const chosen =
      (keeps ? kept : choose(usable)) ??
      (this.behaviour.whenAllUnhealthy === 'all' ? choose(withWeight) : undefined);
    if (chosen && persistenceMs > 0) this.#sessions.keep(client.address, chosen.target.key, persistenceMs);
    return chosen;
  }

  #isHealthy({ target }: Believed): boolean {
    const health = this.health(target.key);
    return health === 'normal' || (health === 'unavailable' && this.behaviour.beforeFirstCheck === 'used');
  }

  async #connect({ target }: Believed): Promise<Socket | ConnectFailure> {
    const socket = await connect(this.#parts.addressOf(target.row), {
      timeoutMs: this.behaviour.synTimeoutMs,
      clock: this.clock,
      pending: this.#pending,
    });
    if (typeof socket !== 'string') target.counts.connections += 1;
    return socket;
  }
}
