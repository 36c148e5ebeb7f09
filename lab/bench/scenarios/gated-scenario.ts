import { allowGates } from '../../environment/allow-gates.ts';
import { GATED } from '../../environment/workloads.ts';
import { Bed, type Result } from '../bed.ts';
import { PodStarts } from '../measure/pod-starts.ts';
import { summarize } from '../measure/statistics.ts';
import { BARE, BarePods } from './bare-pods.ts';
import { CLUSTER_ID } from './prefilled.ts';
import type { Scenario } from './scenario.ts';

const PODS = 40;
const RESTARTS = 3;
const BINDINGS = 500;
const ENDPOINTS = 40;

/** The ways in which a pod becomes ready. */
const VARIANTS = {
  'without-gate': { podSpec: {}, readiness: {} },
  gated: { podSpec: GATED, readiness: { gate: 'Registered' } },
  healthy: { podSpec: GATED, readiness: { gate: 'Healthy' } },
} as const;

/** The same Deployment without the gate, with it, and with health checks as well, on one operator. */
export const gated: Scenario = {
  name: 'gated',
  what: `rolling restarts of ${PODS} pods: without gate, let in once registered, let in once healthy`,
  async run(quick) {
    const bed = await Bed.start();
    try {
      await allowGates(bed.env.api);
      await bed.startOperator('--readiness-gates');
      const results: Result[] = [];
      for (const name of Object.keys(VARIANTS) as (keyof typeof VARIANTS)[])
        results.push(await measureRestarts(bed, name, quick ? 1 : RESTARTS));
      return results;
    } finally {
      await bed.close();
    }
  },
};

async function measureRestarts(bed: Bed, name: keyof typeof VARIANTS, restarts: number): Promise<Result> {
  const { env } = bed;
  const { podSpec, readiness } = VARIANTS[name];
  const app = await env.createNamespace('bench');
  const group = env.createGroup();
  // Health checks find every row healthy at once, so only the cost of querying them is measured.
  const listener = { protocol: 'tcp', port: 80, vServerGroupId: group, status: 'running' } as const;
  env.simulator.state.addListener(env.simulator.state.group(group).loadBalancerId, listener);
  const groups = new Map([[`${app.namespace}/web`, group]]);
  await app.bind('web', group, { readiness });
  await app.createApp('web', { replicas: PODS, podSpec });
  await app.untilReady('web', PODS);
  await bed.untilSynced(groups, PODS);
  const starts = await PodStarts.watch(env.controlPlane, app.namespace);
  try {
    const writesBefore = await bed.gateWrites();
    let writes = Number.NaN;
    const seconds: number[] = [];
    const measured = await bed.measure(`restart-${name}`, {
      groups,
      action: async () => {
        for (let i = 0; i < restarts; i++) {
          const began = performance.now();
          await app.restart('web');
          await app.untilReady('web', PODS);
          seconds.push((performance.now() - began) / 1000);
        }
      },
      until: async () => {
        writes = (await bed.gateWrites()) - writesBefore;
        return bed.isSynced(groups);
      },
    });
    const [toReady, toGate] = [starts.delays('ready'), starts.delays('gate')];
    const extra = {
      'a restart, s p50': round(summarize(seconds).p50),
      'pods started': starts.count,
      PATCHes: writes,
      'from ContainersReady to Ready, ms p50/max': `${round(toReady.p50)} / ${round(toReady.max)}`,
      ...(toGate.n > 0 && { '… to the open gate': `${round(toGate.p50)} / ${round(toGate.max)}` }),
    };
    return { ...measured, extra };
  } finally {
    starts.close();
    await app.scale('web', 0);
    await bed.untilQuiet(() => env.rows(group).length === 0);
  }
}

/** All pods have an open gate, so their only cost is their place in the cache. */
export const manyGated: Scenario = {
  name: 'many-gated',
  what: `${BINDINGS} bindings × ${ENDPOINTS} pods with the gate: start-up`,
  async run(quick) {
    const bed = await Bed.start(BARE);
    try {
      await allowGates(bed.env.api);
      const made = await BarePods.create(bed, quick ? 50 : BINDINGS, ENDPOINTS, { gated: true });
      const pods = made.groups.size * ENDPOINTS;
      const flags = ['--cluster-id', CLUSTER_ID, '--readiness-gates'];
      const until = async () => bed.groupsRead() >= made.groups.size && (await bed.podsKnown()) === pods;
      const { groups } = made;
      const results: Result[] = [];
      for (const name of ['start-gated-adopts', 'start-gated']) {
        const started = await bed.measureStart(name, { groups, until }, flags);
        results.push({ ...started, extra: { PATCHes: await bed.gateWrites() } });
      }
      return results;
    } finally {
      await bed.close();
    }
  },
};

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
