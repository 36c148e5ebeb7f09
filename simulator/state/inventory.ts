import { BlockList, isIP } from 'node:net';
import { derivedIps, deriveEniId, isAssignable } from './addresses.ts';

export interface Eni {
  readonly id: string;
  readonly instanceId: string;
  readonly vpcId: string;
  /** The first one is the primary address. */
  readonly ips: readonly string[];
  /** E.g. `10.0.0.16/28`: the ENI owns every address of the prefix, although `ips` lists none of them. */
  readonly prefixes: readonly string[];
}

export interface InventoryOptions {
  readonly vpcId: string;
  /** 'any': every private address has an ENI and every `i-…` runs, unless set otherwise. 'listed': only what was set exists. */
  readonly known: 'any' | 'listed';
  /** With 'any': how many adjacent IPv4 addresses share one ENI. */
  readonly ipsPerEni: number;
}

export type InstanceStatus = 'Running' | 'Stopped';

/** The account's ECS instances and elastic network interfaces. */
export class Inventory {
  readonly #options: InventoryOptions;
  /** Explicit owner of an address; undefined if the address has none. */
  readonly #owners = new Map<string, string | undefined>();
  readonly #enis = new Map<string, { instanceId: string; vpcId: string; ips: Set<string> }>();
  /** The owning ENI by prefix. */
  readonly #prefixes = new Map<string, { readonly eniId: string; readonly block: BlockList }>();
  readonly #missingEnis = new Set<string>();
  readonly #instances = new Map<string, InstanceStatus | 'Missing'>();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** Gives the address to this ENI, taking it from its previous owner. */
  setEni(ip: string, eniId: string, at: { instanceId?: string; vpcId?: string } = {}): void {
    if (isIP(ip) === 0)
      throw new Error(`cannot give ${JSON.stringify(ip)} to ${eniId}: it is not an IP address`);
    const before = this.#owners.get(ip);
    if (before !== undefined) this.#enis.get(before)?.ips.delete(ip);
    const eni = this.#enis.get(eniId);
    const instanceId = at.instanceId ?? eni?.instanceId ?? instanceOf(eniId);
    const vpcId = at.vpcId ?? eni?.vpcId ?? this.#options.vpcId;
    this.#enis.set(eniId, { instanceId, vpcId, ips: (eni?.ips ?? new Set<string>()).add(ip) });
    this.#owners.set(ip, eniId);
    this.#missingEnis.delete(eniId);
  }

  /** Gives a block of addresses, e.g. `10.0.0.16/28`, to this ENI, which owns them without listing them. */
  setPrefix(prefix: string, eniId: string): void {
    const [network = '', bits = ''] = prefix.split('/');
    const block = new BlockList();
    block.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
    this.#prefixes.set(prefix, { eniId, block });
    if (!this.#enis.has(eniId))
      this.#enis.set(eniId, { instanceId: instanceOf(eniId), vpcId: this.#options.vpcId, ips: new Set() });
    this.#missingEnis.delete(eniId);
  }

  /** Whether the address belongs to an ENI only because one of the ENI's prefixes contains it. */
  isOutOfPrefix(ip: string): boolean {
    return !this.#owners.has(ip) && this.#prefixOwnerOf(ip) !== undefined;
  }

  /** Given an address, takes it from its ENI. Given an ENI id, removes the ENI with all its addresses. */
  removeEni(ipOrEniId: string): void {
    if (isIP(ipOrEniId) !== 0) {
      const owner = this.#owners.get(ipOrEniId);
      if (owner !== undefined) this.#enis.get(owner)?.ips.delete(ipOrEniId);
      this.#owners.set(ipOrEniId, undefined);
      return;
    }
    for (const ip of this.#enis.get(ipOrEniId)?.ips ?? []) this.#owners.set(ip, undefined);
    for (const [prefix, { eniId }] of this.#prefixes) if (eniId === ipOrEniId) this.#prefixes.delete(prefix);
    this.#enis.delete(ipOrEniId);
    this.#missingEnis.add(ipOrEniId);
  }

  setInstance(id: string, status: InstanceStatus): void {
    this.#instances.set(id, status);
  }

  removeInstance(id: string): void {
    this.#instances.set(id, 'Missing');
  }

  instanceStatus(id: string): InstanceStatus | 'Missing' {
    const told = this.#instances.get(id);
    if (told) return told;
    return this.#options.known === 'any' && /^i-./.test(id) ? 'Running' : 'Missing';
  }

  eniOfIp(ip: string): Eni | undefined {
    const id = this.#ownerOf(ip);
    return id === undefined ? undefined : this.eni(id, ip);
  }

  /** The ENI with this id. `withIp` is listed even if it cannot be derived from the id. */
  eni(id: string, withIp?: string): Eni | undefined {
    if (this.#missingEnis.has(id)) return undefined;
    const told = this.#enis.get(id);
    const implied =
      this.#options.known === 'any'
        ? derivedIps(id, this.#options.ipsPerEni).filter((ip) => this.#ownerOf(ip) === id)
        : [];
    if (!told && implied.length === 0 && withIp === undefined) return undefined;
    return {
      id,
      instanceId: told?.instanceId ?? instanceOf(id),
      vpcId: told?.vpcId ?? this.#options.vpcId,
      ips: [
        ...new Set([
          ...(told?.ips ?? []),
          ...implied,
          ...(withIp === undefined || this.isOutOfPrefix(withIp) ? [] : [withIp]),
        ]),
      ],
      prefixes: [...this.#prefixes].flatMap(([prefix, { eniId }]) => (eniId === id ? [prefix] : [])),
    };
  }

  /** Whether this ENI can be attached with this address. With 'any', an ENI that was not set is assumed to exist, like an instance. */
  acceptsEni(id: string, ip: string): boolean {
    if (this.#missingEnis.has(id)) return false;
    if (this.#owners.has(ip)) return this.#owners.get(ip) === id;
    const prefixOwner = this.#prefixOwnerOf(ip);
    if (prefixOwner !== undefined) return prefixOwner === id;
    return this.#options.known === 'any' || (ip === '' && this.#enis.has(id));
  }

  /** The ENIs that were set; implied ones are too many to list. */
  enis(): Eni[] {
    return [...this.#enis.keys()].flatMap((id) => this.eni(id) ?? []);
  }

  /** The instances that were set and exist. */
  instances(): string[] {
    return [...this.#instances].filter(([, status]) => status !== 'Missing').map(([id]) => id);
  }

  #prefixOwnerOf(ip: string): string | undefined {
    for (const { eniId, block } of this.#prefixes.values())
      if (isIP(ip) !== 0 && block.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4')) return eniId;
    return undefined;
  }

  #ownerOf(ip: string): string | undefined {
    if (this.#owners.has(ip)) return this.#owners.get(ip);
    const prefixOwner = this.#prefixOwnerOf(ip);
    if (prefixOwner !== undefined) return prefixOwner;
    if (this.#options.known !== 'any' || !isAssignable(ip)) return undefined;
    const id = deriveEniId(ip, this.#options.ipsPerEni);
    return this.#missingEnis.has(id) ? undefined : id;
  }
}

function instanceOf(eniId: string): string {
  return `i-${eniId.replace(/^eni-/, '')}`;
}
