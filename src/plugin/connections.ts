import { type Cloud, type CloudConfig, createCloud } from '../alibaba/cloud.ts';
import { timeOfHttpDate } from '../alibaba/rpc/cloud-time.ts';
import { PLUGIN } from '../api/names.ts';
import type { Clock } from '../clock.ts';
import { loadKubeConfig } from '../kubernetes/client/kubeconfig.ts';
import { createTransport } from '../kubernetes/client/transport.ts';
import { version } from '../version.ts';
import type { Cluster } from './command.ts';
import type { Options } from './flags.ts';

export interface ClusterChoice {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

export function connectCluster({ kubeconfig, context }: ClusterChoice, clock: Clock): Cluster {
  const kubeConfig = loadKubeConfig(kubeconfig, { context });
  let aheadMs: number | undefined;
  const transport = createTransport(kubeConfig, {
    clock,
    userAgent: `${PLUGIN}/${version}`,
    onRequest({ date }) {
      const time = date === undefined ? undefined : timeOfHttpDate(date);
      if (time !== undefined) aheadMs = time - clock.wall();
    },
  });
  return {
    transport,
    namespace: kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace ?? 'default',
    aheadMs: () => aheadMs,
  };
}

export function connectCloud(options: Options, clock: Clock, region: string): Cloud {
  return createCloud(cloudConfig(options, region), clock);
}

export function cloudConfig(options: Options, region: string): CloudConfig {
  return {
    region,
    vpcId: options.operator('vpcId'),
    slbEndpoint: options.operator('slbEndpoint'),
    ecsEndpoint: options.operator('ecsEndpoint'),
    stsEndpoint: options.operator('stsEndpoint'),
    endpointNetwork: options.operator('endpointNetwork'),
    allowInsecureEndpoints: options.operator('allowInsecureEndpoints'),
    credentialsDir: options.operator('credentialsDir'),
    assumeRoleArn: options.operator('assumeRoleArn'),
    assumeRoleExternalId: options.operator('assumeRoleExternalId'),
    apiTimeout: options.operator('apiTimeout'),
    apiQps: options.operator('apiQps'),
    apiBurst: options.operator('apiBurst'),
    addWindow: options.operator('addWindow'),
    resync: options.operator('resync'),
  };
}
