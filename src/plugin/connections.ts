import { type Cloud, createCloud } from '../alibaba/cloud.ts';
import { PLUGIN } from '../api/names.ts';
import type { Clock } from '../clock.ts';
import { loadKubeConfig } from '../kubernetes/client/kubeconfig.ts';
import { createTransport } from '../kubernetes/client/transport.ts';
import { version } from '../version.ts';
import type { Cluster } from './command.ts';
import type { Options } from './flags.ts';

export function connectCluster(options: Options, clock: Clock): Cluster {
  const context = options.operator('context');
  const kubeConfig = loadKubeConfig(options.operator('kubeconfig'), { context });
  const userAgent = `${PLUGIN}/${version}`;
  return {
    transport: createTransport(kubeConfig, { clock, userAgent }),
    namespace: kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace ?? 'default',
  };
}

export function connectCloud(options: Options, clock: Clock, region: string): Cloud {
  return createCloud(
    {
      region,
      vpcId: options.operator('vpcId'),
      slbEndpoint: options.operator('slbEndpoint'),
      ecsEndpoint: options.operator('ecsEndpoint'),
      stsEndpoint: options.operator('stsEndpoint'),
      endpointNetwork: options.operator('endpointNetwork'),
      allowInsecureEndpoints: options.operator('allowInsecureEndpoints'),
      credentialsDir: options.operator('credentialsDir'),
      apiTimeout: options.operator('apiTimeout'),
      apiQps: options.operator('apiQps'),
      apiBurst: options.operator('apiBurst'),
      addWindow: options.operator('addWindow'),
    },
    clock,
  );
}
