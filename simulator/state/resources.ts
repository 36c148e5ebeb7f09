import { type Row, rowKey } from './backend-servers.ts';
import type { Listener } from './listeners.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface LoadBalancerAttributes {
  readonly name?: string;
  readonly status?: LoadBalancerStatus;
  readonly regionId?: string;
  readonly vpcId?: string;
  readonly spec?: string;
  readonly address?: string;
  readonly addressType?: 'internet' | 'intranet';
}

export type LoadBalancerStatus = 'active' | 'inactive' | 'locked';

export class LoadBalancer {
  readonly id: string;
  readonly name: string;
  readonly regionId: string;
  readonly vpcId: string;
  readonly spec: string;
  readonly address: string;
  readonly addressType: 'internet' | 'intranet';
  readonly createTime: string;
  readonly listeners: Listener[] = [];
  readonly groups = new Set<string>();
  status: LoadBalancerStatus;
  /** Rows in all groups together, maintained by SimulatorState. */
  backendCount = 0;
  /** Until this time, writes are refused with `busyCode`. */
  busyUntil = 0;
  busyCode = 'BackendServer.configuring';

  constructor(
    id: string,
    attributes: LoadBalancerAttributes & { regionId: string; vpcId: string; createTime: string },
  ) {
    this.id = id;
    this.name = attributes.name ?? id;
    this.regionId = attributes.regionId;
    this.vpcId = attributes.vpcId;
    this.spec = attributes.spec ?? 'slb.s2.small';
    this.address = attributes.address ?? '192.168.0.1';
    this.addressType = attributes.addressType ?? 'intranet';
    this.createTime = attributes.createTime;
    this.status = attributes.status ?? 'active';
  }
}

export type Health = 'normal' | 'abnormal' | 'unavailable';

export class VServerGroup {
  readonly id: string;
  readonly loadBalancerId: string;
  readonly createTime: string;
  readonly tags: readonly Tag[];
  readonly #rows = new Map<string, Row>();
  readonly #health = new Map<string, Health>();
  name: string;
  /** Until this time, writes are refused with VServerGroupProcessing. */
  busyUntil = 0;

  constructor(id: string, loadBalancerId: string, name: string, createTime: string, tags: readonly Tag[]) {
    this.id = id;
    this.loadBalancerId = loadBalancerId;
    this.name = name;
    this.createTime = createTime;
    this.tags = tags;
  }

  get size(): number {
    return this.#rows.size;
  }

  rows(): Row[] {
    return [...this.#rows.values()];
  }

  row(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  health(row: Row): Health {
    return this.#health.get(rowKey(row)) ?? 'normal';
  }

  setHealth(row: Pick<Row, 'serverId' | 'serverIp' | 'port' | 'type'>, health: Health): void {
    this.#health.set(rowKey(row), health);
  }

  /** Only for SimulatorState, which maintains the counts. Returns whether a row was replaced. */
  put(row: Row): boolean {
    const key = rowKey(row);
    const replaced = this.#rows.has(key);
    this.#rows.set(key, row);
    return replaced;
  }

  /** Only for SimulatorState, which maintains the counts. */
  drop(key: string): Row | undefined {
    const row = this.#rows.get(key);
    this.#rows.delete(key);
    this.#health.delete(key);
    return row;
  }
}
