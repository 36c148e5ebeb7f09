import type { Clock } from '../clock.ts';
import type { EniResolver } from '../cloud/eni-resolver.ts';
import { type AssumedRole, accountOfRole, roleKey } from '../cloud/group-ref.ts';
import type { ServerGroups } from '../cloud/server-groups.ts';
import type { RightsProbe } from './api/rights-probe.ts';
import {
  type AlibabaClient,
  createAlibabaClient,
  credentialsFromEnvironment,
  type SlbClient,
} from './client.ts';
import type { CredentialsSource, RefreshRecord } from './credentials/credentials.ts';
import { createEniResolver, type EniResolverOptions } from './eni-resolver.ts';
import { groupsByRole } from './groups-by-role.ts';
import { createCloudTime } from './rpc/cloud-time.ts';
import type { EndpointOptions } from './rpc/endpoints.ts';
import type { CallRecord } from './rpc/rpc.ts';
import { createRateLimiter, type RateLimiter } from './throttle.ts';

export interface Cloud {
  /** Uses the operator's own credentials. */
  readonly client: AlibabaClient;
  readonly credentials: CredentialsSource;
  /** Groups of the operator's own account and of others; a call uses the role in its ref. */
  readonly groups: ServerGroups;
  /** On groups of the same accounts. */
  readonly rights: RightsProbe;
  readonly resolver: EniResolver;
  /** One for each account called so far. */
  limiters(): readonly RateLimiter[];
  /** When the credentials in use expire, those of assumed roles included, in wall-clock milliseconds. */
  expiries(): readonly number[];
  /** Calls back when the credentials of a role change, or the operator's own (`role` undefined). */
  onCredentialsChanged(listener: (role: AssumedRole | undefined) => void): void;
  /** Sessions of other roles than these are not renewed: the next call with such a role opens one. Default: all are renewed. */
  renewSessionsIf(isNeeded: (role: AssumedRole) => boolean): void;
  close(): void;
}

/** Callbacks for metrics and logs. */
export interface CloudObserver {
  readonly onCall?: (record: CallRecord) => void;
  readonly onRefresh?: (record: RefreshRecord) => void;
  /** Called when the measured lead of the cloud's clock over ours changes. */
  readonly onClockOffset?: (offsetMs: number) => void;
  readonly onEniAnswer?: EniResolverOptions['onAnswer'];
}

/** The values of the flags with these names. Durations are in milliseconds. */
export interface CloudConfig {
  readonly region: string;
  readonly vpcId: string | undefined;
  readonly slbEndpoint: string | undefined;
  readonly ecsEndpoint: string | undefined;
  readonly stsEndpoint: string | undefined;
  readonly endpointNetwork: EndpointOptions['network'];
  readonly allowInsecureEndpoints: boolean;
  readonly credentialsDir: string | undefined;
  readonly assumeRoleArn: string | undefined;
  readonly assumeRoleExternalId: string | undefined;
  readonly apiTimeout: number;
  readonly apiQps: number;
  readonly apiBurst: number;
  readonly addWindow: number;
  readonly resync: number;
}

export function endpointsOf(config: CloudConfig): EndpointOptions {
  return {
    network: config.endpointNetwork,
    allowInsecureEndpoint: config.allowInsecureEndpoints,
    override: {
      ...(config.slbEndpoint !== undefined && { slb: config.slbEndpoint }),
      ...(config.ecsEndpoint !== undefined && { ecs: config.ecsEndpoint }),
      ...(config.stsEndpoint !== undefined && { sts: config.stsEndpoint }),
    },
  };
}

/**
 * Limit for sessions, one for each role and external id. Bindings can name any number of them; beyond the limit, the oldest
 * session is no longer renewed.
 */
const MOST_SESSIONS = 200;

/** The cloud API as configured. */
export function createCloud(config: CloudConfig, clock: Clock, observer: CloudObserver = {}): Cloud {
  const transport = {
    endpoints: endpointsOf(config),
    clock,
    cloudTime: createCloudTime(clock, observer.onClockOffset),
    timeoutMs: config.apiTimeout,
  };
  const changed: ((role: AssumedRole | undefined) => void)[] = [];
  const tellOf = (role?: AssumedRole) => (refresh: RefreshRecord) => {
    observer.onRefresh?.(refresh);
    if (refresh.changed) for (const listener of changed) listener(role);
  };
  const { assumeRoleArn: roleArn, assumeRoleExternalId: externalId } = config;
  const environment = credentialsFromEnvironment({
    ...transport,
    regionId: config.region,
    ...(config.credentialsDir !== undefined && { credentialsDir: config.credentialsDir }),
    // Failures of credentials that only assume a role are reported when the role is assumed.
    ...(roleArn === undefined && { onRefresh: tellOf() }),
  });
  const credentials =
    roleArn === undefined
      ? environment.base
      : environment.assume({ roleArn, externalId }, { onRefresh: tellOf() });
  const limiters = new Map<string | undefined, RateLimiter>();
  const limiterOf = (account: string | undefined) => {
    const known =
      limiters.get(account) ?? createRateLimiter({ clock, qps: config.apiQps, burst: config.apiBurst });
    limiters.set(account, known);
    return known;
  };
  const limiter = limiterOf(undefined);
  const client = createAlibabaClient({
    ...transport,
    credentials,
    limiter,
    ...(observer.onCall !== undefined && { onCall: observer.onCall }),
  });
  const resolver = createEniResolver({
    ecs: client.ecs,
    clock,
    vpcId: config.vpcId,
    onAnswer: observer.onEniAnswer,
    // Unless a call is full, the additions of a group are this far apart anyway, so the spacing delays none of them.
    spacingMs: config.addWindow,
    resyncMs: config.resync,
  });
  changed.push((role) => {
    if (role === undefined) resolver.credentialsChanged();
  });
  const sessions = new Map<string, { readonly source: CredentialsSource; readonly slb: SlbClient }>();
  let isNeeded = (_: AssumedRole) => true;
  const slbWith = (role: AssumedRole) => {
    const key = roleKey(role);
    const known = sessions.get(key);
    if (known !== undefined) return known.slb;
    const source = environment.assume(role, { onRefresh: tellOf(role), isNeeded: () => isNeeded(role) });
    const slb = client.slbWith(source, limiterOf(accountOfRole(role)));
    sessions.set(key, { source, slb });
    const [[oldest, { source: unused }] = [key, { source }]] = sessions;
    if (sessions.size > MOST_SESSIONS) {
      unused.close();
      sessions.delete(oldest);
    }
    return slb;
  };
  return {
    client,
    credentials,
    groups: groupsByRole(client.vServerGroups, (role) => slbWith(role).vServerGroups),
    rights: {
      probe: (action, group, options) =>
        (group.role === undefined ? client : slbWith(group.role)).rights.probe(action, group, options),
    },
    resolver,
    limiters: () => [...limiters.values()],
    expiries: () =>
      [credentials, ...[...sessions.values()].map(({ source }) => source)].flatMap(
        (source) => source.expiresAt() ?? [],
      ),
    onCredentialsChanged: (listener) => void changed.push(listener),
    renewSessionsIf: (condition) => {
      isNeeded = condition;
    },
    close() {
      resolver.close();
      for (const one of limiters.values()) one.close();
      client.close();
      environment.close();
    },
  };
}
