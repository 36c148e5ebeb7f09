import { BlockList, isIP } from 'node:net';
import { derivedIps, deriveEniId, isAssignable } from './addresses.ts';

export interface Eni {
  readonly id: string;
  readonly instanceId: string;
  readonly vpcId: string;
  /** The first is the primary one. */
  readonly ips: readonly string[];
  /** As `10.0.0.16/28`: every address of it is the ENI's, though `ips` lists none. */
  readonly prefixes: readonly string[];
}

export interface InventoryOptions {
  readonly vpcId: string;
  /** 'any': every private address has an ENI and every `i-…` runs, unless told otherwise. 'listed': only what was set. */
  readonly known: 'any' | 'listed';
  /** With 'any': how many neighbouring IPv4 addresses share one ENI. */
  readonly ipsPerEni: number;
}

export type InstanceStatus = 'Running' | 'Stopped';

/** The account's ECS instances and elastic network interfaces. */
export class Inventory {
  readonly #options: InventoryOptions;
  /** Explicit owner of an address; undefined = the address has none. */
  readonly #owners = new Map<string, string | undefined>();
  readonly #enis = new Map<string, { instanceId: string; vpcId: string; ips: Set<string> }>();
  /** By prefix, the ENI that has it. */
  readonly #prefixes = new Map<string, { readonly eniId: string; readonly block: BlockList }>();
  readonly #missingEnis = new Set<string>();
  readonly #instances = new Map<string, InstanceStatus | 'Missing'>();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** Gives the address to this ENI, taking it from the one that had it. */
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

  /** Gives a whole block of addresses to this ENI, as `10.0.0.16/28`: they are the ENI's, and it lists none of them. */
  setPrefix(prefix: string, eniId: string): void {
    const [network = '', bits = ''] = prefix.split('/');
    const block = new BlockList();
    block.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
    this.#prefixes.set(prefix, { eniId, block });
    if (!this.#enis.has(eniId))
      this.#enis.set(eniId, { instanceId: instanceOf(eniId), vpcId: this.#options.vpcId, ips: new Set() });
    this.#missingEnis.delete(eniId);
  }

  /** Whether the address is an ENI's only because a prefix of it holds it. */
  isOutOfPrefix(ip: string): boolean {
    return !this.#owners.has(ip) && this.#prefixOwnerOf(ip) !== undefined;
  }

  /** An address: no ENI has it any more. An ENI id: the ENI is gone, with all its addresses. */
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

  /** The ENI with this id. `withIp` is listed even if the id does not tell which addresses it stands for. */
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

  /** May this ENI be attached with this address? An ENI nobody described is taken to exist, as instances are. */
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
