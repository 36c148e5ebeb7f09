import { setTimeout as delay } from 'node:timers/promises';
import type { Workloads } from '../../environment/workloads.ts';
import { Bed, type Result } from '../bed.ts';
import { inParallel } from '../measure/statistics.ts';
import type { Scenario } from './scenario.ts';

const PODS = 40;
const ONE_BY_ONE = 20;
const AT_ONCE = 15;

/** Pods without an owner, simulated by kwok: when the controller manager resumes, it does not replace them. */
export const frozen: Scenario = {
  name: 'frozen',
  what: `kube-controller-manager is frozen: ${ONE_BY_ONE} of ${PODS} pods are deleted one by one, then ${AT_ONCE} at once; it thaws`,
  async run(quick) {
    const bed = await Bed.start();
    try {
      const app = await bed.env.createNamespace('bench');
      const group = bed.env.createGroup();
      const service = `${app.namespace}/web`;
      const groups = new Map([[service, group]]);
      const pods = Array.from({ length: PODS }, (_, i) => `web-${i}`);
      await inParallel(pods, 10, (name) => createPod(app, name));
      await app.createService('web');
      await app.bind('web', group);
      await bed.startOperator();
      await bed.untilSynced(groups, PODS);
      const singles = pods.slice(0, quick ? 3 : ONE_BY_ONE);
      const oneByOne = await measureFrozen('frozen-one-by-one', bed, groups, async () => {
        for (const name of singles) {
          await app.deletePod(name);
          await delay(1_000);
        }
      });
      const together = pods.slice(-AT_ONCE);
      const atOnce = await measureFrozen('frozen-at-once', bed, groups, () =>
        inParallel(together, AT_ONCE, (name) => app.deletePod(name)),
      );
      return [oneByOne, atOnce];
    } finally {
      await bed.close();
    }
  },
};

/** Freezes the controller manager while the pods go and until their rows are gone. When the slices catch up, no call is left to make. */
function measureFrozen(
  name: string,
  bed: Bed,
  groups: ReadonlyMap<string, string>,
  deletePods: () => Promise<unknown>,
): Promise<Result> {
  const { controlPlane, simulator } = bed.env;
  let callsBefore = Number.NaN;
  return bed.measure(name, {
    groups,
    action: async () => {
      await controlPlane.pause('kube-controller-manager');
      await deletePods();
      await bed.untilQuiet(() => bed.isSynced(groups, 'byPods'));
      callsBefore = simulator.journal.length;
      controlPlane.resume('kube-controller-manager');
    },
    until: () => bed.watcher.bySlices.events.length > 0 && bed.isSynced(groups),
    extra: () => ({ 'calls after the thaw': simulator.journal.length - callsBefore }),
  });
}

async function createPod(app: Workloads, name: string): Promise<void> {
  await app.api.create(app.path('api/v1', 'pods'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'app', image: 'app' }] },
  });
}
