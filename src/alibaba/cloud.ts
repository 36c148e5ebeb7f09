import type { Clock } from '../clock.ts';
import type { EniResolver } from '../cloud/eni-resolver.ts';
import { type AlibabaClient, createAlibabaClient, credentialsFromEnvironment } from './client.ts';
import type { CredentialsSource, RefreshRecord } from './credentials/credentials.ts';
import { createEniResolver, type EniResolverOptions } from './eni-resolver.ts';
import { createCloudTime } from './rpc/cloud-time.ts';
import type { EndpointOptions } from './rpc/endpoints.ts';
import type { CallRecord } from './rpc/rpc.ts';
import { createRateLimiter, type RateLimiter } from './throttle.ts';

export interface Cloud {
  readonly client: AlibabaClient;
  readonly credentials: CredentialsSource;
  readonly limiter: RateLimiter;
  readonly resolver: EniResolver;
  /** Calls back whenever the credentials are other ones than before. */
  onCredentialsChanged(listener: () => void): void;
  close(): void;
}

/** What is told of each call, and each time that credentials are fetched. */
export interface CloudObserver {
  readonly onCall?: (record: CallRecord) => void;
  readonly onRefresh?: (record: RefreshRecord) => void;
  /** By how much the cloud's clock is ahead of ours, each time that this is found to be another. */
  readonly onClockOffset?: (offsetMs: number) => void;
  readonly onEniAnswer?: EniResolverOptions['onAnswer'];
}

/** What the flags of these names say. Durations are in milliseconds. */
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

/** The cloud API as configured. */
export function createCloud(config: CloudConfig, clock: Clock, observer: CloudObserver = {}): Cloud {
  const transport = {
    endpoints: endpointsOf(config),
    clock,
    cloudTime: createCloudTime(clock, observer.onClockOffset),
    timeoutMs: config.apiTimeout,
  };
  const changed: (() => void)[] = [];
  const credentials = credentialsFromEnvironment({
    ...transport,
    regionId: config.region,
    ...(config.credentialsDir !== undefined && { credentialsDir: config.credentialsDir }),
    ...(config.assumeRoleArn !== undefined && {
      assumedRole: { roleArn: config.assumeRoleArn, externalId: config.assumeRoleExternalId },
    }),
    onRefresh: (refresh) => {
      observer.onRefresh?.(refresh);
      if (refresh.changed) for (const listener of changed) listener();
    },
  });
  const limiter = createRateLimiter({ clock, qps: config.apiQps, burst: config.apiBurst });
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
    // An address looked up later than its group's next addition may go delays nothing.
    spacingMs: config.addWindow,
  });
  return {
    client,
    credentials,
    limiter,
    resolver,
    onCredentialsChanged: (listener) => void changed.push(listener),
    close() {
      resolver.close();
      limiter.close();
      client.close();
      credentials.close();
    },
  };
}
