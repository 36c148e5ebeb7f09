/** Schedulers of the listener pages that are played: by weight, in turn, by client address, by address and port. */
export const SCHEDULERS = ['wrr', 'rr', 'sch', 'tch'] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

export const HEALTHY_CODES = ['http_2xx', 'http_3xx', 'http_4xx', 'http_5xx'] as const;
export type HealthyCode = (typeof HEALTHY_CODES)[number];

export interface HealthCheckConfiguration {
  readonly type: 'tcp' | 'http';
  /** Undefined: the port of each row. */
  readonly port: number | undefined;
  /** From the end of a check to the start of the next one, as the pages reckon the time to notice. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly method: 'HEAD' | 'GET';
  readonly path: string;
  /** The Host header; '': the address of the row. */
  readonly domain: string;
  readonly codes: readonly HealthyCode[];
}

/** What the API sets for a listener; the API has seconds where this has milliseconds. */
export interface ListenerConfiguration {
  readonly description: string;
  /** Mbit/s; -1: no limit. Told, and not played. */
  readonly bandwidth: number;
  readonly scheduler: Scheduler;
  /** TCP: connections from one client address go to the same row until so long after the last. 0: off. */
  readonly persistenceMs: number;
  /** HTTP: a cookie keeps a client at its row for so long. 0: off. */
  readonly cookieMs: number;
  /** TCP: connections of a row that was removed, or stays unhealthy, are closed after so long. 0: no connection drain. */
  readonly drainMs: number;
  /** TCP: no byte on a connection for so long resets it. HTTP: a kept-alive connection without a request is closed. */
  readonly idleMs: number;
  /** HTTP: no answer within that time is 504. */
  readonly requestMs: number;
  /** Undefined: rows are not checked and count as healthy. */
  readonly healthCheck: HealthCheckConfiguration | undefined;
}

/** Defaults of the pages "Configure health checks" and "CreateLoadBalancerTCPListener". */
export const DEFAULT_HEALTH_CHECK: HealthCheckConfiguration = {
  type: 'tcp',
  port: undefined,
  intervalMs: 2000,
  timeoutMs: 5000,
  healthyThreshold: 3,
  unhealthyThreshold: 3,
  method: 'HEAD',
  path: '/',
  domain: '',
  codes: ['http_2xx'],
};

/** Idle: 900 s for TCP ("FAQ about SLB"), 15 s for HTTP; request: 60 s ("CreateLoadBalancerHTTPListener"). */
export function defaultConfiguration(protocol: 'tcp' | 'http'): ListenerConfiguration {
  return {
    description: '',
    bandwidth: -1,
    scheduler: 'wrr',
    persistenceMs: 0,
    cookieMs: 0,
    drainMs: 0,
    idleMs: protocol === 'tcp' ? 900_000 : 15_000,
    requestMs: 60_000,
    healthCheck: { ...DEFAULT_HEALTH_CHECK, type: protocol },
  };
}

/** A listener only points at a group, unless it has a configuration: then the data plane forwards what comes to it. */
export interface Listener {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'http' | 'https';
  readonly vServerGroupId?: string;
  readonly status?: 'running' | 'stopped';
  readonly configuration?: ListenerConfiguration;
  /** Rules of the listener that forward to a group of their own. */
  readonly rules?: readonly {
    id: string;
    name: string;
    domain: string;
    url: string;
    vServerGroupId: string;
  }[];
}
