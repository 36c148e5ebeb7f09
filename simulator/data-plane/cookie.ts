import type { Believed } from './machine.ts';

const NAME = 'SERVERID';

/** The cookie that identifies the row: "DescribeLoadBalancerHTTPListenerAttribute", StickySessionType `insert`. */
export function cookieOf({ target }: Believed, ms: number): string {
  return `${NAME}=${idOf(target.hash)}; Max-Age=${Math.ceil(ms / 1000)}; Path=/`;
}

/** The key of the row that the client's cookie identifies. */
export function keyOfCookie(header: string | undefined, rows: readonly Believed[]): string | undefined {
  const [, id] = /(?:^|;\s*)SERVERID=([0-9a-f]{8})(?:;|$)/.exec(header ?? '') ?? [];
  return id === undefined ? undefined : rows.find(({ target }) => idOf(target.hash) === id)?.target.key;
}

function idOf(hash: number): string {
  return hash.toString(16).padStart(8, '0');
}
