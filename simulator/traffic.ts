import { failuresOf } from './data-plane/counts.ts';
import type { DataPlane } from './data-plane/data-plane.ts';
import type { Row } from './state/backend-servers.ts';

/** Connections (TCP) or requests (HTTP), and failures, per second. */
export interface Rate {
  readonly perSecond: number;
  readonly failedPerSecond: number;
}

export interface Traffic {
  /** Failures without a row to forward to are only counted here. */
  readonly groups: readonly (Rate & { readonly group: string })[];
  readonly rows: readonly (Rate & { readonly group: string } & Pick<Row, 'serverId' | 'serverIp' | 'port'>)[];
}

interface Total {
  done: number;
  failed: number;
}

interface Totals {
  readonly groups: Map<string, Total>;
  readonly rows: Map<string, Total & { readonly group: string; readonly row: Row }>;
}

/** Measures traffic since the previous reading, for all listeners of a group together. Groups and rows without traffic are omitted. */
export class TrafficMeter {
  readonly #dataPlane: DataPlane;
  #before: Totals;
  #at = performance.now();

  constructor(dataPlane: DataPlane) {
    this.#dataPlane = dataPlane;
    this.#before = this.#totals();
  }

  read(): Traffic {
    const now = this.#totals();
    const seconds = Math.max(0.001, (performance.now() - this.#at) / 1000);
    const before = this.#before;
    this.#before = now;
    this.#at = performance.now();
    const rate = (total: Total, last: Total | undefined): Rate => ({
      perSecond: (total.done - (last?.done ?? 0)) / seconds,
      failedPerSecond: (total.failed - (last?.failed ?? 0)) / seconds,
    });
    const moves = ({ perSecond, failedPerSecond }: Rate): boolean => perSecond > 0 || failedPerSecond > 0;
    return {
      groups: [...now.groups]
        .map(([group, total]) => ({ group, ...rate(total, before.groups.get(group)) }))
        .filter(moves),
      rows: [...now.rows]
        .map(
          ([
            key,
            {
              group,
              row: { serverId, serverIp, port },
              ...total
            },
          ]) => ({
            ...{ group, serverId, serverIp, port },
            ...rate(total, before.rows.get(key)),
          }),
        )
        .filter(moves),
    };
  }

  #totals(): Totals {
    const groups: Totals['groups'] = new Map();
    const rows: Totals['rows'] = new Map();
    for (const listener of this.#dataPlane.listeners) {
      const { group, protocol, counts } = listener;
      const done = (one: typeof counts): number => (protocol === 'tcp' ? one.connections : one.requests);
      add(groups, group, { done: 0, failed: 0 }, done(counts), failuresOf(counts));
      for (const { row, counts: ofRow } of listener.rows()) {
        const key = `${group} ${row.serverId} ${row.serverIp} ${row.port}`;
        add(rows, key, { done: 0, failed: 0, group, row }, done(ofRow), failuresOf(ofRow));
      }
    }
    return { groups, rows };
  }
}

function add<T extends Total>(
  totals: Map<string, T>,
  key: string,
  fresh: T,
  done: number,
  failed: number,
): void {
  const total = totals.get(key) ?? fresh;
  total.done += done;
  total.failed += failed;
  totals.set(key, total);
}
