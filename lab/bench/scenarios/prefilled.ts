import { ownershipTag } from '../../../src/api/ownership-tag.ts';
import type { Environment } from '../../environment/environment.ts';

/** What the operators of these scenarios are told, so that rows can be tagged before one runs. */
export const CLUSTER_ID = 'bench';
export const PORT = 8080;

/** 10.64.0.0 and up: no address that kwok gives. */
export function addressOf(id: number): string {
  return `10.${64 + Math.floor(id / 62_500)}.${Math.floor(id / 250) % 250}.${(id % 250) + 1}`;
}

/** Rows as an operator that has been here before would have left them, with the binding's tag. */
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
