import { type Row, rowKey } from '../state/backend-servers.ts';
import type { Behaviour } from './behaviour.ts';
import type { Clock } from './clock.ts';
import { type Counts, newCounts } from './counts.ts';
import type { HealthCheck } from './health-check.ts';
import { Propagation } from './propagation.ts';
import { type Candidate, hashOf, Schedule } from './scheduling.ts';

/** A row behind one listener: the state that all machines share. Its counts survive when the row leaves and continue when it returns. */
export class Target {
  readonly key: string;
  readonly hash: number;
  readonly counts: Counts = newCounts();
  /** The row as last reported. */
  row: Row;
  /** Set while any machine knows the row. */
  check: HealthCheck | undefined;
  /** How many machines know the row. */
  believers = 0;

  constructor(row: Row) {
    this.key = rowKey(row);
    this.hash = hashOf(this.key);
    this.row = row;
  }
}

/** A connection or request in progress, as seen by the machine that carries it. */
export interface Carried {
  /** Called by the load balancer to end it, for this cause. */
  cut(cause: 'removed' | 'drained'): void;
}

/** A row as one machine knows it. */
export class Believed implements Candidate {
  readonly target: Target;
  readonly hash: number;
  readonly carried = new Set<Carried>();
  weight: number;
  lag = 0;
  /** Whether the machine knows that the row was removed. */
  gone = false;

  constructor(target: Target, weight: number) {
    this.target = target;
    this.hash = target.hash;
    this.weight = weight;
  }
}

/** One of the machines that forward for a listener. Its rows are those it has learned of so far. */
export class Machine {
  /** Counted from 1. */
  readonly number: number;
  readonly schedule = new Schedule<Believed>();
  readonly #propagation: Propagation;
  readonly #byKey = new Map<string, Believed>();
  #rows: readonly Believed[] = [];

  constructor(
    number: number,
    parts: { clock: Clock; random: () => number; delay: () => Behaviour['propagationMs'] },
  ) {
    this.number = number;
    this.#propagation = new Propagation(parts.clock, parts.random, parts.delay);
  }

  get rows(): readonly Believed[] {
    return this.#rows;
  }

  row(key: string): Believed | undefined {
    return this.#byKey.get(key);
  }

  /** Runs `effect` when the news reaches this machine. */
  hear(effect: () => void): void {
    this.#propagation.send(effect);
  }

  /** Adds the row or sets its weight. Returns the row if it is new to this machine. */
  put(target: Target, weight: number): Believed | undefined {
    const known = this.#byKey.get(target.key);
    if (known) {
      known.weight = weight;
      return undefined;
    }
    const believed = new Believed(target, weight);
    this.#byKey.set(target.key, believed);
    this.#rows = [...this.#byKey.values()];
    return believed;
  }

  drop(key: string): Believed | undefined {
    const believed = this.#byKey.get(key);
    if (!believed) return undefined;
    believed.gone = true;
    this.#byKey.delete(key);
    this.#rows = [...this.#byKey.values()];
    return believed;
  }

  stop(): void {
    this.#propagation.stop();
  }
}
