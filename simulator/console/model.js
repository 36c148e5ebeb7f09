const MAX_CALLS = 500;
const MAX_MEMBERS = 300;
/** How long a tile shows that its backend has left. */
export const GHOST_MS = 4000;

export function keyOf({ serverId, serverIp, port }) {
  return `${serverId} ${serverIp} ${port}`;
}

/**
 * What the page knows from a snapshot and from events, independent of the page itself.
 *
 * Events that arrive while the snapshot is loading are applied again after it. That is harmless: each event contains the row's new state,
 * events arrive in order, and the last one is as new as the snapshot.
 */
export class Model {
  loadBalancers = new Map();
  groups = new Map();
  /** The latest is last. */
  calls = [];
  members = [];
  totalCalls = 0;
  /** What a view must redraw: group → keys of tiles. */
  dirtyTiles = new Map();
  listChanged = true;
  #lastMember = 0;

  takeSnapshot({ loadBalancers, groups }, entries) {
    const before = this.groups;
    this.loadBalancers = new Map(loadBalancers.map((one) => [one.id, one]));
    this.groups = new Map(groups.map((group) => [group.id, { ...group, tiles: new Map() }]));
    this.listChanged = true;
    this.dirtyTiles.clear();
    // A new simulator may have replaced the previous one; its calls count from 1.
    this.totalCalls = 0;
    for (const entry of entries) this.#keep(entry);
    const drainingSince = lastWeightZero(entries);
    for (const { id, rows, tiles } of this.groups.values()) {
      for (const row of rows) {
        const key = keyOf(row);
        const known = before.get(id)?.tiles.get(key);
        const since = known?.drainingSince ?? drainingSince.get(`${id} ${key}`);
        tiles.set(key, { key, row, drainingSince: row.weight === 0 ? since : undefined });
      }
    }
  }

  takeChange({ kind, group: id, loadBalancer, row, time }) {
    switch (kind) {
      case 'group-created':
        if (!this.groups.has(id)) this.groups.set(id, { id, name: id, loadBalancer, tiles: new Map() });
        if (!this.loadBalancers.has(loadBalancer)) this.loadBalancers.set(loadBalancer, { id: loadBalancer });
        this.listChanged = true;
        return;
      case 'group-deleted':
        this.groups.delete(id);
        this.listChanged = true;
        return;
      case 'row-added':
      case 'row-changed':
        this.#setRow(id, row, time);
        return;
      case 'row-removed':
        this.#removeRow(id, row, time);
    }
  }

  takeCall(entry) {
    if (!this.#keep(entry) || !entry.applied) return;
    // The changes made by a call arrive right before the call itself, so this call made them.
    const keys = new Set(entry.backends.map(keyOf));
    for (let i = this.members.length - 1; i >= 0; i--) {
      const member = this.members[i];
      if (member.time < entry.arrivedAt) break;
      if (member.group !== entry.group || member.callMs !== undefined || !keys.has(member.key)) continue;
      member.callMs = entry.durationMs;
      member.version++;
      const tile = this.groups.get(member.group)?.tiles.get(member.key);
      if (tile?.left) this.#touch(member.group, member.key);
    }
  }

  /** Traffic over the last second. A row that is not listed has no traffic any more. */
  takeTraffic({ groups, rows }) {
    const ofRows = new Map(rows.map((rate) => [`${rate.group} ${keyOf(rate)}`, rate]));
    const ofGroups = new Map(groups.map((rate) => [rate.group, rate]));
    for (const group of this.groups.values()) {
      const rate = ofGroups.get(group.id);
      if (group.traffic || rate) this.dirtyTiles.set(group.id, this.dirtyTiles.get(group.id) ?? new Set());
      group.traffic = rate;
      for (const tile of group.tiles.values()) {
        const ofTile = ofRows.get(`${group.id} ${tile.key}`);
        if (tile.traffic || ofTile) this.#touch(group.id, tile.key);
        tile.traffic = ofTile;
      }
    }
  }

  /** Deletes the tiles of backends that left long enough ago. */
  forgetLeft(now) {
    for (const { id, tiles } of this.groups.values()) {
      for (const tile of tiles.values()) {
        if (!tile.left || now - tile.left.time < GHOST_MS) continue;
        tiles.delete(tile.key);
        this.#touch(id, tile.key);
      }
    }
  }

  #setRow(id, row, time) {
    const group = this.groups.get(id);
    if (!group) return;
    const key = keyOf(row);
    const before = group.tiles.get(key);
    const wasThere = before !== undefined && !before.left;
    const what = !wasThere
      ? 'joined'
      : before.row.weight === row.weight
        ? undefined
        : weightEvent(row.weight);
    let drainingSince = wasThere ? before.drainingSince : undefined;
    if (row.weight > 0) drainingSince = undefined;
    else if (what === 'draining') drainingSince = time;
    group.tiles.set(key, { key, row, drainingSince, traffic: wasThere ? before.traffic : undefined });
    this.#touch(id, key);
    if (what) this.#tell({ what, group: id, key, row, time, from: before?.row.weight });
  }

  #removeRow(id, row, time) {
    const group = this.groups.get(id);
    const key = keyOf(row);
    const before = group?.tiles.get(key);
    if (!before || before.left) return;
    const drainedMs = before.drainingSince === undefined ? undefined : time - before.drainingSince;
    const member = this.#tell({ what: 'left', group: id, key, row, time, drainedMs });
    group.tiles.set(key, { ...before, left: member });
    this.#touch(id, key);
  }

  #tell(event) {
    this.#lastMember++;
    const member = { ...event, id: this.#lastMember, version: 0, callMs: undefined };
    this.members.push(member);
    if (this.members.length > MAX_MEMBERS * 1.2) this.members.splice(0, this.members.length - MAX_MEMBERS);
    return member;
  }

  /** Returns false if the call is already known. */
  #keep(entry) {
    this.totalCalls = Math.max(this.totalCalls, entry.seq);
    if (this.calls.some(({ requestId }) => requestId === entry.requestId)) return false;
    this.calls.push(entry);
    if (this.calls.length > MAX_CALLS * 1.2) this.calls.splice(0, this.calls.length - MAX_CALLS);
    return true;
  }

  #touch(group, key) {
    const keys = this.dirtyTiles.get(group) ?? new Set();
    this.dirtyTiles.set(group, keys.add(key));
  }
}

function weightEvent(weight) {
  return weight === 0 ? 'draining' : 'weight';
}

/** Since when each row with weight 0 has had this weight, as far as the latest calls show. */
function lastWeightZero(entries) {
  const since = new Map();
  for (const { applied, action, group, backends, time } of entries) {
    if (!applied || action !== 'SetVServerGroupAttribute') continue;
    for (const backend of backends) {
      const key = `${group} ${keyOf(backend)}`;
      if (backend.weight > 0) since.delete(key);
      else if (!since.has(key)) since.set(key, time);
    }
  }
  return since;
}
