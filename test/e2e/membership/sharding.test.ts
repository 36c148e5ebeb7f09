import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Environment, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import type { JournalEntry } from '../../../simulator/journal.ts';

const SHARDS = ['a', 'b'] as const;
const LABEL = 'example.com/shard';
const WRITE = /^(Add|Remove|Set)/;

jest.setTimeout(120_000);

let env: Environment;
const operators: OperatorProcess[] = [];

/** Each operator has its own access key, so that the journal shows who called. */
beforeAll(async () => {
  const accessKeys = SHARDS.map((id) => ({ id, secret: `secret-${id}` }));
  env = await Environment.start({ simulator: { accessKeys } });
  await allowLeases(SHARDS.map(leaseName));
  for (const [i, shard] of SHARDS.entries()) {
    operators.push(
      await env.startOperator({
        accessKey: accessKeys[i]!,
        flags: [
          ...['--binding-selector', `${LABEL}=${shard}`],
          ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE],
          ...['--leader-elect-lease-name', leaseName(shard)],
        ],
      }),
    );
  }
}, 240_000);

afterAll(async () => {
  await Promise.all(operators.map((operator) => operator.stop()));
  await env?.close();
});

function leaseName(shard: string): string {
  return `vservergroup-operator-${shard}`;
}

/** The Role of deploy/base names one lease; each shard needs its own. */
async function allowLeases(resourceNames: readonly string[]): Promise<void> {
  const name = 'shard-leases';
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}`;
  await env.api.create(`${rbac}/roles`, {
    metadata: { name },
    rules: [
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames, verbs: ['get', 'update'] },
    ],
  });
  await env.api.create(`${rbac}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name: OPERATOR_ACCOUNT, namespace: OPERATOR_NAMESPACE }],
  });
}

async function createApp(app: Workloads, name: string, shard: string): Promise<string> {
  const group = env.createGroup();
  await app.createApp(name, { replicas: 4 });
  await app.bind(name, group);
  await moveTo(app, name, shard);
  await env.untilHolds(group, await app.untilReady(name, 4));
  await app.untilCondition(name, 'True', 'Synced');
  return group;
}

async function moveTo(app: Workloads, name: string, shard: string): Promise<void> {
  await app.patchBinding(name, { metadata: { labels: { [LABEL]: shard } } });
}

function callsOn(group: string): readonly JournalEntry[] {
  return env.simulator.journal.filter((entry) => entry.group === group);
}

async function removeOnePod(app: Workloads, name: string, group: string): Promise<void> {
  const [pod] = await app.pods(name);
  await app.deletePod(pod?.metadata.name ?? '');
  await env.simulator.journal.waitFor(
    (call) => call.group === group && call.action.startsWith('Remove') && call.applied,
    30_000,
  );
  await env.untilHolds(group, await app.untilReady(name, 4));
}

test('two operators, each with its own label and lease: neither calls for a binding of the other', async () => {
  const app = await env.createNamespace('shards');
  const groups = await Promise.all(SHARDS.map((shard) => createApp(app, `web-${shard}`, shard)));
  await Promise.all(SHARDS.map((shard, i) => removeOnePod(app, `web-${shard}`, groups[i]!)));
  for (const [i, shard] of SHARDS.entries()) {
    const callers = new Set(callsOn(groups[i]!).map(({ accessKeyId }) => accessKeyId));
    expect(callers).toEqual(new Set([shard]));
  }
  for (const operator of operators) {
    const leads = (await operator.metrics()).match(/^leader_election_master_status\{.*\} 1$/m);
    expect(leads).not.toBeNull();
  }
});

test('a binding whose label moves changes hands: no row leaves or comes, and the next leaver goes', async () => {
  const app = await env.createNamespace('shards');
  const group = await createApp(app, 'web', 'a');
  env.simulator.journal.clear();
  await moveTo(app, 'web', 'b');
  await env.simulator.journal.waitFor((call) => call.group === group && call.accessKeyId === 'b', 30_000);
  await app.untilCondition('web', 'True', 'Synced');
  expect(callsOn(group).filter(({ action }) => WRITE.test(action))).toEqual([]);
  await removeOnePod(app, 'web', group);
  expect(new Set(callsOn(group).map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['b']));
});

test('a pod that leaves while its binding changes hands is removed once, and nothing else is', async () => {
  const app = await env.createNamespace('shards');
  const group = await createApp(app, 'web', 'b');
  const removed: string[] = [];
  const stop = env.simulator.state.onChange(({ kind, group: of, row }) => {
    if (of === group && kind === 'row-removed') removed.push(row?.serverIp ?? '');
  });
  const gate = env.simulator.faults.pause({ action: 'RemoveVServerGroupBackendServers', group });
  const before = await app.untilReady('web', 4);
  await app.scale('web', 3);
  await gate.waitForHeld();
  await moveTo(app, 'web', 'a');
  await env.simulator.journal.waitFor((call) => call.group === group && call.accessKeyId === 'a', 30_000);
  gate.release();
  const after = await app.untilReady('web', 3);
  await env.untilHolds(group, after);
  await app.untilCondition('web', 'True', 'Synced');
  stop();
  expect(removed).toEqual(before.filter((ip) => !after.includes(ip)));
});

test('a binding that leaves every shard keeps its rows', async () => {
  const app = await env.createNamespace('shards');
  const group = await createApp(app, 'web', 'a');
  const rows = env.rows(group);
  env.simulator.journal.clear();
  await moveTo(app, 'web', 'none');
  await createApp(app, 'later', 'a');
  expect(callsOn(group)).toEqual([]);
  expect(env.rows(group)).toEqual(rows);
});
