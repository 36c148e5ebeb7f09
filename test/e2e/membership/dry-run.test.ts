import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { scenarios } from '../../environment/scenario.ts';

let env: Environment;
let app: Workloads;
let group: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  env = await Environment.start();
}, 120_000);
beforeEach(async () => {
  app = await env.createNamespace('dry');
  group = env.createGroup();
}, 60_000);
afterAll(async () => {
  await env?.close();
});

const readyMessage = async () => {
  const { status } = await app.binding('web');
  return status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? '';
};

scenario(
  'a new binding: no call that writes, no finalizer; status, log and metric tell what would be done',
  async () => {
    const calls = env.recordCalls(group);
    const operator = await env.startOperator({ flags: ['--dry-run'] });
    await app.createApp('web', { replicas: 2 });
    await app.bind('web', group);
    const addresses = await app.untilReady('web', 2);
    await waitUntil('both additions to be told', async () => {
      const message = await readyMessage();
      return addresses.every((address) => message.includes(`${address}:8080`));
    });
    expect(await readyMessage()).toMatch(
      /^--dry-run: would add 2 \(.*\) in vServer group .* Run the operator without --dry-run/,
    );
    const binding = await app.untilCondition('web', 'False', 'DryRun');
    expect(binding.metadata.finalizers ?? []).toEqual([]);
    expect(binding.status).toMatchObject({ desired: 2, registered: 0, draining: 0, foreign: 0 });
    const told = (await operator.lines()).filter(
      ({ message: line }) => line === 'Dry run: would add to the group',
    );
    expect(told.reduce((sum, { count }) => sum + Number(count), 0)).toBe(2);
    expect(await operator.metric('vsgb_dry_run_batches_total{action="add"}')).toBe(told.length);
    await operator.stop();
    expect(calls.writes()).toEqual([]);
  },
);

scenario(
  'after an operator that wrote: nothing is removed, at the start or later, and ownership stays as it was',
  async () => {
    const writing = await env.startOperator();
    await app.createApp('web', { replicas: 3 });
    await app.bind('web', group);
    await env.untilHolds(group, await app.untilReady('web', 3));
    const before = await env.untilStatusTrue(app, 'web', group, { registered: 3 });
    await writing.stop();
    const foreign = env.addForeignRows(group);
    await app.scale('web', 2);
    const [alive = ''] = await app.untilReady('web', 2);
    const rows = env.rows(group);
    const calls = env.recordCalls(group);

    const operator = await env.startOperator({ flags: ['--dry-run'] });
    await waitUntil('the removal to be told', async () =>
      (await readyMessage()).includes('would remove 1 ('),
    );
    await app.patchBinding('web', { spec: { ownership: 'Exclusive' } });
    await waitUntil('the removal of strangers to be told', async () =>
      (await readyMessage()).includes('would remove 3 ('),
    );
    const { status } = await app.binding('web');
    expect(status?.backends?.map(({ serverId, state }) => [serverId, state])).toEqual(
      before.status?.backends?.map(({ serverId, state }) => [serverId, state]),
    );
    expect(status).toMatchObject({ registered: 3, foreign: foreign.length });
    await app.deleteBinding('web');
    await waitUntil('the end of the binding to be told', async () => {
      const binding = await app.binding('web');
      return (
        binding.metadata.deletionTimestamp !== undefined && (await readyMessage()).includes(`${alive}:8080`)
      );
    });
    await operator.stop();
    expect(calls.writes()).toEqual([]);
    expect(env.rows(group)).toEqual(rows);

    const again = await env.startOperator();
    await waitUntil('the binding to be gone', async () => !(await env.api.find(`${app.bindings()}/web`)));
    expect(env.rows(group)).toEqual([...foreign].sort());
    await again.stop();
  },
);
