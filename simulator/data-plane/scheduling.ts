import type { Scheduler } from '../state/listeners.ts';

export interface Candidate {
  readonly weight: number;
  /** Hash of the row's identity. */
  readonly hash: number;
  /** For smooth weighted round robin: how far the row is behind its share. */
  lag: number;
}

export interface Client {
  readonly address: string;
  readonly port: number;
}

/**
 * Chooses among the rows of one machine. The time for a choice is linear in the number of rows; a load balancer has a few hundred at most.
 */
export class Schedule<T extends Candidate> {
  #turn = 0;

  choose(
    scheduler: Scheduler,
    rows: readonly T[],
    client: Client,
    usable: (row: T) => boolean,
  ): T | undefined {
    switch (scheduler) {
      case 'wrr':
        return smoothWeighted(rows, usable);
      case 'rr':
        return this.#inTurn(rows, usable);
      case 'sch':
        return byHash(rows, hashOf(client.address), usable);
      case 'tch':
        return byHash(rows, hashOf(`${client.address} ${client.port}`), usable);
    }
  }

  #inTurn(rows: readonly T[], usable: (row: T) => boolean): T | undefined {
    for (let tried = 0; tried < rows.length; tried++) {
      this.#turn = (this.#turn + 1) % rows.length;
      const row = rows[this.#turn];
      if (row && usable(row)) return row;
    }
    return undefined;
  }
}

/**
 * Chooses each row in proportion to its weight and spreads the choices of each row evenly: at every choice each row gains its weight, and
 * the chosen one pays the total.
 */
function smoothWeighted<T extends Candidate>(rows: readonly T[], usable: (row: T) => boolean): T | undefined {
  let chosen: T | undefined;
  let total = 0;
  for (const row of rows) {
    if (!usable(row)) continue;
    total += row.weight;
    row.lag += row.weight;
    if (!chosen || row.lag > chosen.lag) chosen = row;
  }
  if (chosen) chosen.lag -= total;
  return chosen;
}

/** Rendezvous hashing: if a row leaves, only its own clients move. */
function byHash<T extends Candidate>(
  rows: readonly T[],
  hash: number,
  usable: (row: T) => boolean,
): T | undefined {
  let chosen: T | undefined;
  let best = -1;
  for (const row of rows) {
    if (!usable(row)) continue;
    const score = mix(row.hash ^ hash);
    if (score > best) [chosen, best] = [row, score];
  }
  return chosen;
}

/** 32 bits (FNV-1a, then mixed). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
