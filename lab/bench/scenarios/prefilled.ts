import { ownershipTag } from '../../../src/api/ownership-tag.ts';
import type { Environment } from '../../environment/environment.ts';

/** The cluster ID passed to the operators of these scenarios, so that rows can be tagged before an operator runs. */
export const CLUSTER_ID = 'bench';
export const PORT = 8080;

/** 10.64.0.0 and up: outside the addresses that kwok assigns. */
export function addressOf(id: number): string {
  return `10.${64 + Math.floor(id / 62_500)}.${Math.floor(id / 250) % 250}.${(id % 250) + 1}`;
}

/** Adds rows with the binding's tag, as an earlier run of the operator would have left them. */
export function fill(
  { simulator: { state } }: Pick<Environment, 'simulator'>,
  group: string,
  binding: { readonly namespace: string; readonly name: string },
  ips: readonly string[],
): void {
  const description = ownershipTag(CLUSTER_ID, binding.namespace, binding.name, 80);
  for (const serverIp of ips) {
    const serverId = state.inventory.eniOfIp(serverIp)?.id ?? '';
    state.addRow(group, { serverId, serverIp, port: PORT, description });
  }
}
