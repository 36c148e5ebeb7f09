/** The supported schedulers of the listener pages: by weight, in turn, by client address, by client address and port. */
export const SCHEDULERS = ['wrr', 'rr', 'sch', 'tch'] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

export const HEALTHY_CODES = ['http_2xx', 'http_3xx', 'http_4xx', 'http_5xx'] as const;
export type HealthyCode = (typeof HEALTHY_CODES)[number];

export interface HealthCheckConfiguration {
  readonly type: 'tcp' | 'http';
  /** Undefined: the port of each row is checked. */
  readonly port: number | undefined;
  /** From the end of a check to the start of the next one, as the pages calculate detection times. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly method: 'HEAD' | 'GET';
  readonly path: string;
  /** The Host header; '': the row's address. */
  readonly domain: string;
  readonly codes: readonly HealthyCode[];
}

/** The settings of a listener in the API; the API uses seconds where this uses milliseconds. */
export interface ListenerConfiguration {
  readonly description: string;
  /** Mbit/s; -1: no limit. Reported, but not simulated. */
  readonly bandwidth: number;
  readonly scheduler: Scheduler;
  /** TCP: connections from one client address go to the same row until this long after the last one. 0: off. */
  readonly persistenceMs: number;
  /** HTTP: how long a cookie keeps a client at its row. 0: off. */
  readonly cookieMs: number;
  /** TCP: connections of a row that was removed, or stays unhealthy, are closed after this time. 0: no connection drain. */
  readonly drainMs: number;
  /** TCP: a connection without a byte for this long is reset. HTTP: a kept-alive connection without a request for this long is closed. */
  readonly idleMs: number;
  /** HTTP: the reply is 504 if no answer arrives within this time. */
  readonly requestMs: number;
  /** Undefined: rows are not checked and count as healthy. */
  readonly healthCheck: HealthCheckConfiguration | undefined;
}

/** Defaults from the pages "Configure health checks" and "CreateLoadBalancerTCPListener". */
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

/** Idle time-out: 900 s for TCP ("FAQ about SLB"), 15 s for HTTP. Request time-out: 60 s ("CreateLoadBalancerHTTPListener"). */
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

/** A listener points at a group. Only if it has a configuration does the data plane forward connections to it. */
export interface Listener {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'http' | 'https';
  readonly vServerGroupId?: string;
  readonly status?: 'running' | 'stopped';
  readonly configuration?: ListenerConfiguration;
  /** Rules that forward to their own groups. */
  readonly rules?: readonly {
    id: string;
    name: string;
    domain: string;
    url: string;
    vServerGroupId: string;
  }[];
}
