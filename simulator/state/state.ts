import { ApiError, groupNotFound } from '../gateway/errors.ts';
import { type Row, rowKey } from './backend-servers.ts';
import type { Inventory } from './inventory.ts';
import type { Listener } from './listeners.ts';
import { LoadBalancer, type LoadBalancerAttributes, type Tag, VServerGroup } from './resources.ts';

export interface StateOptions {
  readonly regionId: string;
  readonly vpcId: string;
  readonly now: () => number;
}

export interface Change {
  readonly kind:
    | 'group-created'
    | 'group-deleted'
    | 'group-renamed'
    | 'row-added'
    | 'row-changed'
    | 'row-removed'
    | 'listener-changed'
    | 'listener-removed';
  /** '' for a listener without a group. */
  readonly group: string;
  readonly loadBalancer: string;
  readonly row?: Row;
  readonly listener?: Listener;
}

/** Load balancers, groups and rows. Every change is made here, so that counts are right and listeners are notified. */
export class SimulatorState {
  readonly inventory: Inventory;
  readonly options: StateOptions;
  readonly #loadBalancers = new Map<string, LoadBalancer>();
  readonly #groups = new Map<string, VServerGroup>();
  readonly #listeners = new Set<(change: Change) => void>();
  #lastGroup = 0;

  constructor(inventory: Inventory, options: StateOptions) {
    this.inventory = inventory;
    this.options = options;
  }

  createLoadBalancer(id: string, attributes: LoadBalancerAttributes = {}): LoadBalancer {
    if (this.#loadBalancers.has(id)) throw new Error(`load balancer ${id} exists already`);
    const loadBalancer = new LoadBalancer(id, {
      regionId: this.options.regionId,
      vpcId: this.options.vpcId,
      createTime: this.#timestamp(),
      ...attributes,
    });
    this.#loadBalancers.set(id, loadBalancer);
    return loadBalancer;
  }

  /** Throws InvalidLoadBalancerId.NotFound, as the API does. */
  loadBalancer(id: string): LoadBalancer {
    const loadBalancer = this.#loadBalancers.get(id);
    if (!loadBalancer) throw new ApiError('InvalidLoadBalancerId.NotFound');
    return loadBalancer;
  }

  loadBalancers(): LoadBalancer[] {
    return [...this.#loadBalancers.values()];
  }

  /** Adds a listener, or replaces the one with the same protocol and port. */
  addListener(loadBalancerId: string, listener: Listener): void {
    const { listeners } = this.loadBalancer(loadBalancerId);
    const index = listeners.findIndex((other) => sameListener(other, listener));
    if (index < 0) listeners.push(listener);
    else listeners[index] = listener;
    this.#tellListener('listener-changed', loadBalancerId, listener);
  }

  removeListener(loadBalancerId: string, listener: Pick<Listener, 'protocol' | 'port'>): void {
    const { listeners } = this.loadBalancer(loadBalancerId);
    const index = listeners.findIndex((other) => sameListener(other, listener));
    const [removed] = index < 0 ? [] : listeners.splice(index, 1);
    if (removed) this.#tellListener('listener-removed', loadBalancerId, removed);
  }

  createGroup(
    id: string,
    loadBalancerId: string,
    options: { name?: string; tags?: readonly Tag[] } = {},
  ): VServerGroup {
    if (this.#groups.has(id)) throw new Error(`vServer group ${id} exists already`);
    const loadBalancer = this.loadBalancer(loadBalancerId);
    const group = new VServerGroup(
      id,
      loadBalancerId,
      options.name ?? id,
      this.#timestamp(),
      options.tags ?? [],
    );
    this.#groups.set(id, group);
    loadBalancer.groups.add(id);
    this.#tell({ kind: 'group-created', group: id, loadBalancer: loadBalancerId });
    return group;
  }

  /** Throws the API's error for a group that does not exist. */
  group(id: string): VServerGroup {
    const group = this.findGroup(id);
    if (!group) throw groupNotFound();
    return group;
  }

  findGroup(id: string): VServerGroup | undefined {
    return this.#groups.get(id);
  }

  groups(): VServerGroup[] {
    return [...this.#groups.values()];
  }

  renameGroup(id: string, name: string): void {
    const group = this.group(id);
    group.name = name;
    this.#tell({ kind: 'group-renamed', group: id, loadBalancer: group.loadBalancerId });
  }

  deleteGroup(id: string): void {
    const group = this.group(id);
    const loadBalancer = this.loadBalancer(group.loadBalancerId);
    loadBalancer.backendCount -= group.size;
    loadBalancer.groups.delete(id);
    this.#groups.delete(id);
    this.#tell({ kind: 'group-deleted', group: id, loadBalancer: loadBalancer.id });
  }

  newGroupId(): string {
    this.#lastGroup += 1;
    return `rsp-${this.#lastGroup.toString(36).padStart(12, '0')}`;
  }

  /** Adds a row, or replaces the one with the same identity. */
  addRow(groupId: string, row: Partial<Row> & Pick<Row, 'serverId' | 'port'>): void {
    const complete: Row = { serverIp: '', weight: 100, type: typeOf(row.serverId), description: '', ...row };
    const group = this.group(groupId);
    const replaced = group.put(complete);
    if (!replaced) this.loadBalancer(group.loadBalancerId).backendCount += 1;
    this.#tellRow(replaced ? 'row-changed' : 'row-added', group, complete);
  }

  /** Returns whether the row existed. */
  removeRow(groupId: string, row: Partial<Row> & Pick<Row, 'serverId' | 'port'>): boolean {
    const group = this.group(groupId);
    const removed = group.drop(rowKey({ serverIp: '', type: typeOf(row.serverId), ...row }));
    if (!removed) return false;
    this.loadBalancer(group.loadBalancerId).backendCount -= 1;
    this.#tellRow('row-removed', group, removed);
    return true;
  }

  /** For this long, writes to the group are refused with VServerGroupProcessing. */
  setBusy(groupId: string, ms: number): void {
    this.group(groupId).busyUntil = this.options.now() + ms;
  }

  setEni(ip: string, eniId: string, at?: { instanceId?: string; vpcId?: string }): void {
    this.inventory.setEni(ip, eniId, at);
  }

  setPrefix(prefix: string, eniId: string): void {
    this.inventory.setPrefix(prefix, eniId);
  }

  removeEni(ipOrEniId: string): void {
    this.inventory.removeEni(ipOrEniId);
  }

  setInstance(id: string, status: 'Running' | 'Stopped'): void {
    this.inventory.setInstance(id, status);
  }

  removeInstance(id: string): void {
    this.inventory.removeInstance(id);
  }

  /** Calls `listener` for each change; returns a function that unsubscribes it. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tellRow(kind: Change['kind'], group: VServerGroup, row: Row): void {
    this.#tell({ kind, group: group.id, loadBalancer: group.loadBalancerId, row });
  }

  #tellListener(kind: Change['kind'], loadBalancer: string, listener: Listener): void {
    this.#tell({ kind, group: listener.vServerGroupId ?? '', loadBalancer, listener });
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  #timestamp(): string {
    return `${new Date(this.options.now()).toISOString().slice(0, 19)}Z`;
  }
}

function sameListener(
  a: Pick<Listener, 'protocol' | 'port'>,
  b: Pick<Listener, 'protocol' | 'port'>,
): boolean {
  return a.port === b.port && a.protocol === b.protocol;
}

function typeOf(serverId: string): Row['type'] {
  return serverId.startsWith('eni-') ? 'eni' : serverId.startsWith('eci-') ? 'eci' : 'ecs';
}
