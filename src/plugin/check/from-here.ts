import { type CloudConfig, createCloud, endpointsOf } from '../../alibaba/cloud.ts';
import { timeOfHttpDate } from '../../alibaba/rpc/cloud-time.ts';
import { endpointUrl } from '../../alibaba/rpc/endpoints.ts';
import type { Clock } from '../../clock.ts';
import type { Cluster } from '../command.ts';
import { judgeCloud } from './cloud-judgement.ts';
import type { Finding } from './finding.ts';
import { type CloudHearing, surveyCloud } from './survey-cloud.ts';

export interface FromHereOptions {
  readonly config: CloudConfig;
  readonly groupId: string | undefined;
  /** ARNs that bindings may name. */
  readonly assumableRoles: readonly string[];
  readonly cluster: Cluster;
  /** Where bindings, and pods to look up, are listed; empty: in all namespaces. */
  readonly namespaces: readonly string[];
  /** Which bindings are listed; undefined: all. */
  readonly bindingSelector: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Checks the cloud with the credentials, network and clock of this process. Rejects if the signal is aborted. */
export async function checkCloudFromHere({
  config,
  clock,
  ...options
}: FromHereOptions): Promise<readonly Finding[]> {
  const { region, vpcId } = config;
  const endpoints = {
    slb: endpointUrl('slb', region, endpointsOf(config)),
    ecs: endpointUrl('ecs', region, endpointsOf(config)),
  };
  const heard: CloudHearing = { aheadMs: undefined, credentialsFrom: '' };
  const cloud = createCloud(config, clock, {
    onCall({ date }) {
      const time = date === undefined ? undefined : timeOfHttpDate(date);
      if (time !== undefined) heard.aheadMs = time - clock.wall();
    },
    onRefresh({ description }) {
      heard.credentialsFrom = description;
    },
  });
  try {
    return judgeCloud(await surveyCloud({ ...options, clock, cloud, heard, endpoints, region, vpcId }));
  } finally {
    cloud.close();
  }
}
