import { setTimeout as delay } from 'node:timers/promises';
import { Bed } from '../bed.ts';
import { inParallel } from '../measure/statistics.ts';
import type { Scenario } from './scenario.ts';

const GROUPS = 100;
const PODS_PER_GROUP = 4;
const REMOVE = 'RemoveVServerGroupBackendServers';
/** A bucket too small for 100 removals. */
const SMALL_BUCKET = { qps: 20, burst: 20 };

/** 100 Deployments of 4 pods on 4 nodes, each with a group of its own; then nodes leave together with their pods. */
export const nodeScenario: Scenario = {
  name: 'node',
  what: '100 groups × 4: start-up; a node with 100 pods of 100 groups leaves',
  async run() {
    const bed = await Bed.start();
    try {
      const { app, groups } = await create(bed);
      const isSynced = () => bed.isSynced(groups);
      const start = await bed.measureStart('start-100x4', { groups, until: isSynced });
      await bed.untilBucketIsFull();
      const left = await bed.measure('node', {
        groups,
        action: () => drainNode(bed, app.namespace, 'node0'),
        until: isSynced,
      });
      const { qps, burst } = SMALL_BUCKET;
      await bed.startOperator('--api-qps', `${qps}`, '--api-burst', `${burst}`);
      await bed.untilQuiet(isSynced);
      await bed.untilBucketIsFull();
      const paced = await bed.measure('node-small-bucket', {
        groups,
        action: () => drainNode(bed, app.namespace, 'node1'),
        until: isSynced,
        extra: () => ({ 'latest behind the bucket, ms': behindTheBucket(bed) }),
      });
      await bed.startOperator();
      await bed.untilQuiet(isSynced);
      await bed.untilBucketIsFull();
      const deleted = await bed.measure('node-deleted', {
        groups,
        action: () => bed.env.api.delete('/api/v1/nodes/node2'),
        until: isSynced,
      });
      return [start, left, paced, deleted];
    } finally {
      await bed.close();
    }
  },
};

async function create(bed: Bed) {
  const app = await bed.env.createNamespace('bench');
  const names = Array.from({ length: GROUPS }, (_, i) => `web${i}`);
  const groups = new Map(names.map((name) => [`${app.namespace}/${name}`, bed.env.createGroup()]));
  const spread = (name: string) => ({
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { app: name } },
  });
  await inParallel(names, 10, async (name) => {
    const podSpec = { topologySpreadConstraints: [spread(name)] };
    await app.createApp(name, { replicas: PODS_PER_GROUP, podSpec });
    await app.bind(name, groups.get(`${app.namespace}/${name}`) ?? '');
  });
  const complete = () =>
    [...groups.keys()].every((service) => bed.watcher.bySlices.of(service).length === PODS_PER_GROUP);
  while (!complete()) await delay(200);
  return { app, groups };
}

/** As `kubectl drain`: cordons the node and deletes all of its pods. */
async function drainNode(bed: Bed, namespace: string, node: string): Promise<void> {
  const { api } = bed.env;
  await api.patch(`/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
  const { items } = await api.get<{ items: readonly { metadata: { name: string } }[] }>(
    `/api/v1/namespaces/${namespace}/pods?fieldSelector=spec.nodeName%3D${node}`,
  );
  await inParallel(items, 20, ({ metadata }) =>
    api.delete(`/api/v1/namespaces/${namespace}/pods/${metadata.name}`, { gracePeriodSeconds: 1 }),
  );
}

/** How far the latest Remove came behind the moment when a bucket spent on removals alone would have allowed it. */
function behindTheBucket(bed: Bed): number {
  const { qps, burst } = SMALL_BUCKET;
  const inOrder = (times: readonly number[]) => [...times].sort((a, b) => a - b);
  const { journal } = bed.env.simulator;
  const arrivals = inOrder(
    journal.filter(({ action }) => action === REMOVE).map(({ arrivedAt }) => arrivedAt),
  );
  const leaves = inOrder(bed.watcher.events.filter(({ kind }) => kind === 'leave').map(({ at }) => at));
  let tokens = burst;
  let filledAt = leaves[0] ?? 0;
  let behind = 0;
  arrivals.forEach((arrivedAt, i) => {
    const left = leaves[Math.min(i, leaves.length - 1)] ?? 0;
    tokens = Math.min(burst, tokens + ((Math.max(left, filledAt) - filledAt) * qps) / 1000);
    const allowedAt = Math.max(left, filledAt) + (Math.max(0, 1 - tokens) * 1000) / qps;
    tokens = Math.max(0, tokens - 1);
    filledAt = allowedAt;
    behind = Math.max(behind, arrivedAt - allowedAt);
  });
  return Math.round(behind);
}
