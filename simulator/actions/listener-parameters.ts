import { ApiError, invalidParameter, missingParameter } from '../gateway/errors.ts';
import {
  DEFAULT_HEALTH_CHECK,
  HEALTHY_CODES,
  type HealthCheckConfiguration,
  type HealthyCode,
  type ListenerConfiguration,
  SCHEDULERS,
} from '../state/listeners.ts';

type Params = ReadonlyMap<string, string>;

/** Features that are not simulated are refused: a listener that only seems to support them would mislead. */
const UNPLAYED: readonly (readonly [name: string, value: RegExp])[] = [
  ['AclStatus', /^on$/],
  ['ListenerForward', /^on$/],
  ['MasterSlaveServerGroupId', /./],
  ['ProxyProtocolV2Enabled', /^true$/],
  ['StickySessionType', /^server$/],
];

/** Names and limits are from the pages of Create- and SetLoadBalancerTCPListener(Attribute) and …HTTPListener(Attribute). */
export function readConfiguration(
  params: Params,
  protocol: 'tcp' | 'http',
  base: ListenerConfiguration,
): ListenerConfiguration {
  if (params.get('VServerGroupId') && params.get('MasterSlaveServerGroupId')) {
    throw new ApiError('Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch');
  }
  for (const [name, value] of UNPLAYED) {
    if (value.test(params.get(name) ?? '')) {
      throw new ApiError('UnsupportedOperation', { message: `The simulator does not play ${name}.` });
    }
  }
  const description = params.get('Description') ?? base.description;
  if (description.length > 256) throw invalidParameter('The specified Description is invalid.');
  const common = {
    ...base,
    description,
    bandwidth: readBandwidth(params) ?? base.bandwidth,
    scheduler: oneOf(params, 'Scheduler', SCHEDULERS) ?? base.scheduler,
  };
  return protocol === 'tcp' ? readTcp(params, common) : readHttp(params, common);
}

function readTcp(params: Params, base: ListenerConfiguration): ListenerConfiguration {
  const check = base.healthCheck ?? DEFAULT_HEALTH_CHECK;
  return {
    ...base,
    persistenceMs: seconds(params, 'PersistenceTimeout', 0, 3600) ?? base.persistenceMs,
    idleMs: seconds(params, 'EstablishedTimeout', 10, 900) ?? base.idleMs,
    drainMs: switched(params, 'ConnectionDrain', base.drainMs, () =>
      mandatory('ConnectionDrainTimeout', seconds(params, 'ConnectionDrainTimeout', 10, 900)),
    ),
    healthCheck:
      (flag(params, 'HealthCheckSwitch') ?? (base.healthCheck ? 'on' : 'off')) === 'off'
        ? undefined
        : {
            ...readHealthCheck(params, check),
            type: oneOf(params, 'HealthCheckType', ['tcp', 'http'] as const) ?? check.type,
            timeoutMs: seconds(params, 'HealthCheckConnectTimeout', 1, 300) ?? check.timeoutMs,
          },
  };
}

function readHttp(params: Params, base: ListenerConfiguration): ListenerConfiguration {
  const check = base.healthCheck ?? { ...DEFAULT_HEALTH_CHECK, type: 'http' };
  return {
    ...base,
    cookieMs: switched(params, 'StickySession', base.cookieMs, () => {
      mandatory('StickySessionType', oneOf(params, 'StickySessionType', ['insert'] as const));
      return mandatory('CookieTimeout', seconds(params, 'CookieTimeout', 1, 86_400));
    }),
    idleMs: seconds(params, 'IdleTimeout', 1, 60) ?? base.idleMs,
    requestMs: seconds(params, 'RequestTimeout', 1, 180) ?? base.requestMs,
    healthCheck:
      (flag(params, 'HealthCheck') ?? (base.healthCheck ? 'on' : 'off')) === 'off'
        ? undefined
        : {
            ...readHealthCheck(params, check),
            timeoutMs: seconds(params, 'HealthCheckTimeout', 1, 300) ?? check.timeoutMs,
          },
  };
}

function readHealthCheck(params: Params, base: HealthCheckConfiguration): HealthCheckConfiguration {
  // Only the page of the TCP listener spells this parameter with a small h.
  const interval = params.get('HealthCheckInterval') ? 'HealthCheckInterval' : 'healthCheckInterval';
  const method = oneOf(params, 'HealthCheckMethod', ['head', 'get', 'tcp'] as const);
  const path = params.get('HealthCheckURI') || base.path;
  if (!/^\/[\w\-/.%?#&=]{0,79}$/.test(path))
    throw invalidParameter('The specified HealthCheckURI is invalid.');
  const domain = params.get('HealthCheckDomain') ?? base.domain;
  return {
    ...base,
    port: integer(params, 'HealthCheckConnectPort', 1, 65_535) ?? base.port,
    intervalMs: seconds(params, interval, 1, 50) ?? base.intervalMs,
    healthyThreshold: integer(params, 'HealthyThreshold', 2, 10) ?? base.healthyThreshold,
    unhealthyThreshold: integer(params, 'UnhealthyThreshold', 2, 10) ?? base.unhealthyThreshold,
    method: method === undefined ? base.method : method === 'get' ? 'GET' : 'HEAD',
    path,
    domain: domain === '$_ip' ? '' : domain,
    codes: readCodes(params) ?? base.codes,
  };
}

function readCodes(params: Params): readonly HealthyCode[] | undefined {
  const text = params.get('HealthCheckHttpCode');
  if (!text) return undefined;
  return text.split(',').map((code) => {
    const known = HEALTHY_CODES.find((other) => other === code.trim());
    if (!known) throw invalidParameter('The specified HealthCheckHttpCode is invalid.');
    return known;
  });
}

/** The page of the TCP listener calls the parameter mandatory, but Terraform omits it. */
function readBandwidth(params: Params): number | undefined {
  return params.get('Bandwidth') === '-1' ? -1 : integer(params, 'Bandwidth', 1, 5120);
}

/** The value of a setting with a switch: `value()` if the switch is on, 0 if it is off, unchanged if it is absent. */
function switched(params: Params, name: string, before: number, value: () => number): number {
  const given = flag(params, name);
  return given === undefined ? before : given === 'on' ? value() : 0;
}

function mandatory<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw missingParameter(name);
  return value;
}

function flag(params: Params, name: string): 'on' | 'off' | undefined {
  return oneOf(params, name, ['on', 'off'] as const);
}

function oneOf<T extends string>(params: Params, name: string, values: readonly T[]): T | undefined {
  const text = params.get(name);
  if (!text) return undefined;
  const known = values.find((value) => value === text);
  if (known === undefined) throw invalidParameter(`The specified ${name} is invalid.`);
  return known;
}

function seconds(params: Params, name: string, min: number, max: number): number | undefined {
  const value = integer(params, name, min, max);
  return value === undefined ? undefined : value * 1000;
}

export function integer(params: Params, name: string, min: number, max: number): number | undefined {
  const text = params.get(name);
  if (!text) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalidParameter(`The specified ${name} is invalid: it must be in [${min},${max}].`);
  }
  return value;
}
