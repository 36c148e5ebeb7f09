import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '../..');
const CONFIG = join(ROOT, '.dependency-cruiser.cjs');
const CRUISER = join(ROOT, 'node_modules/.bin/depcruise');

/** For each rule an import that is forbidden although it would work. */
const REFUSED: readonly (readonly [importer: string, imported: string])[] = [
  ['src/clock.ts', 'src/api/status.ts'],
  ['src/api/status.ts', 'src/membership/backend.ts'],
  ['src/membership/backend.ts', 'src/api/status.ts'],
  ['src/membership/plan/plan.ts', 'src/clock.ts'],
  ['src/membership/desired/desired.ts', 'src/membership/plan/plan.ts'],
  ['src/kubernetes/client/call.ts', 'src/api/status.ts'],
  ['src/kubernetes/client/call.ts', 'src/kubernetes/queue/work-queue.ts'],
  ['src/kubernetes/client/call.ts', 'src/kubernetes/objects/objects.ts'],
  ['src/kubernetes/objects/objects.ts', 'src/kubernetes/client/call.ts'],
  ['src/kubernetes/informer/store.ts', 'src/kubernetes/queue/work-queue.ts'],
  ['src/kubernetes/queue/work-queue.ts', 'src/kubernetes/informer/store.ts'],
  ['src/kubernetes/write/status-writer.ts', 'src/kubernetes/informer/store.ts'],
  ['src/kubernetes/election/lease.ts', 'src/kubernetes/write/status-writer.ts'],
  ['src/kubernetes/nowhere.ts', 'src/kubernetes/client/call.ts'],
  ['src/kubernetes/queue/work-queue.ts', 'src/controller/group/gather.ts'],
  ['src/alibaba/client.ts', 'src/kubernetes/client/call.ts'],
  ['src/alibaba/rpc/rpc.ts', 'src/membership/plan/plan.ts'],
  ['src/alibaba/client.ts', 'src/api/status.ts'],
  ['src/cloud/server-groups.ts', 'src/alibaba/client.ts'],
  ['src/controller/group/gather.ts', 'src/alibaba/client.ts'],
  ['src/controller/group/gather.ts', 'src/operator/serving.ts'],
  ['src/controller/triggers.ts', 'src/observability/logger.ts'],
  ['src/controller/cluster/triggers.ts', 'src/controller/group/gather.ts'],
  ['src/config/flags.ts', 'src/kubernetes/client/call.ts'],
  ['src/observability/logger.ts', 'src/config.ts'],
  ['src/operator/serving.ts', 'src/plugin/run.ts'],
  ['src/operator.ts', 'src/plugin/main.ts'],
  ['src/main.ts', 'src/controller/group-loop.ts'],
  ['src/plugin/run.ts', 'src/operator/serving.ts'],
  ['src/plugin/commands/diff.ts', 'src/observability/logger.ts'],
  ['src/plugin/output/table.ts', 'src/plugin/run.ts'],
  ['src/zero-downtime/pod-template-plan.ts', 'src/plugin/run.ts'],
  ['src/webhook/webhook-server.ts', 'src/observability/logger.ts'],
  ['src/webhook/admit-pod.ts', 'src/controller/group/gather.ts'],
  ['src/elsewhere/new.ts', 'src/clock.ts'],
  ['src/operator/leadership.ts', 'lab/time/fake-clock.ts'],
  ['src/config/read.ts', 'scripts/build.ts'],
  ['simulator/server.ts', 'src/clock.ts'],
  ['simulator/main.ts', 'lab/time/fake-clock.ts'],
  ['lab/time/fake-clock.ts', 'src/api/status.ts'],
  ['lab/control-plane/nodes.ts', 'lab/environment/status.ts'],
  ['lab/environment/status.ts', 'lab/demo/main.ts'],
  ['lab/demo/main.ts', 'lab/bench/main.ts'],
  ['lab/bench/main.ts', 'src/operator/serving.ts'],
  ['lab/bench/main.ts', 'test/unit/builders.ts'],
  ['scripts/build.ts', 'test/unit/builders.ts'],
];

const ALLOWED: typeof REFUSED = [
  ['src/plugin/run.ts', 'src/config/flags.ts'],
  ['src/operator.ts', 'src/operator/serving.ts'],
  ['lab/bench/main.ts', 'src/alibaba/client.ts'],
  ['test/unit/a.test.ts', 'lab/demo/main.ts'],
];

const PURE = 'src/membership/desired/desired.ts';
const CYCLE = ['src/controller/one.ts', 'src/controller/another.ts'] as const;

let project: string;
let found: readonly {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}[];

/** Checks all of them at once, in a project of empty files that import each other. */
beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'vsgb-dependencies-'));
  const imports = new Map<string, string[]>([[PURE, ["import 'node:fs';"]]]);
  const add = (importer: string, imported: string) => {
    const path = relative(dirname(importer), imported);
    const from = path.startsWith('.') ? path : `./${path}`;
    imports.set(imported, imports.get(imported) ?? []);
    imports.set(importer, [...(imports.get(importer) ?? []), `import type {} from '${from}';`]);
  };
  for (const arrow of [...REFUSED, ...ALLOWED, CYCLE, CYCLE.toReversed() as [string, string]]) add(...arrow);
  for (const [file, lines] of [...imports, ['tsconfig.json', ['{}']] as const]) {
    mkdirSync(dirname(join(project, file)), { recursive: true });
    writeFileSync(join(project, file), lines.join('\n'));
  }
  const args = [
    CRUISER,
    '--config',
    CONFIG,
    '--output-type',
    'json',
    'src',
    'simulator',
    'lab',
    'test',
    'scripts',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: project, maxBuffer: 1e8 });
  found = JSON.parse(stdout).summary.violations;
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

const arrowsAgainst = (rule: string) =>
  found.filter(({ rule: { name } }) => name === rule).map(({ from, to }) => `${from} → ${to}`);

test('lint refuses every arrow that no room allows, of types too, and no other', () => {
  expect(arrowsAgainst('not-in-allowed').sort()).toEqual(REFUSED.map((arrow) => arrow.join(' → ')).sort());
});

test('lint refuses a cycle of types alone', () => {
  const [one, another] = CYCLE;
  // The cycle is reported once, starting with either file.
  const cycle = arrowsAgainst('no-cycles').filter((arrow) => arrow.includes(one));
  expect([[`${one} → ${another}`], [`${another} → ${one}`]]).toContainEqual(cycle);
});

test('lint refuses what is not plain data to src/membership, be it of Node itself', () => {
  expect(arrowsAgainst('pure')).toEqual([`${PURE} → fs`]);
});
