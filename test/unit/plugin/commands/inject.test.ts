import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run, runWithInput } from '../plugin-call.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n    - name: web\n';
const GATE = '  readinessGates:\n    - conditionType: slb.alibabacloud.com/load-balancer-ready\n';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vsgb-inject-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function file(name: string, text: string | Uint8Array): Promise<string> {
  await writeFile(join(dir, name), text);
  return join(dir, name);
}

test('manifests on standard output, what was added on standard error', async () => {
  const path = await file('pod.yaml', POD);
  expect(await run('inject', '-f', path, '--no-hold')).toEqual({
    code: 0,
    stdout: POD + GATE,
    stderr: `${path}:1: Pod web: added: readiness gate\n`,
  });
});

test('a file without a final newline stays so', async () => {
  const { stdout } = await runWithInput(POD.trimEnd(), 'inject', '-f', '-', '--no-hold');
  expect(stdout).toBe((POD + GATE).trimEnd());
});

test('of standard input; exit 1 when something lacks what it should have', async () => {
  const pod = `${POD}      lifecycle: {preStop: {exec: {command: [x]}}}\n`;
  const { code, stdout, stderr } = await runWithInput(pod, 'inject', '-f', '-', '--no-gate');
  expect({ code, stdout }).toEqual({ code: 1, stdout: pod });
  expect(stderr).toMatch(/^standard input:1: Pod web: container web has its own preStop, .* 15 s or more\n$/);
});

test.each([
  [[], 15, 45],
  [['--drain-seconds', '30'], 45, 75],
  [['--drain-seconds', '30', '--propagation-seconds', '0'], 35, 65],
  [['--hold-seconds', '7'], 7, 37],
])(
  '%j: the hold is the drain, the propagation and a margin, or what was said',
  async (flags, sleep, grace) => {
    const { stdout } = await runWithInput(POD, 'inject', '-f', '-', ...flags);
    expect(stdout).toContain(`            seconds: ${sleep}\n`);
    expect(stdout).toContain(`  terminationGracePeriodSeconds: ${grace}\n`);
    expect(stdout).toContain(`slb.alibabacloud.com/hold: "${sleep}"`);
  },
);

test('several files are one stream: each begins a document', async () => {
  const service = 'apiVersion: v1\nkind: Service';
  const files = [
    await file('1.yaml', service),
    await file('2.yaml', POD),
    await file('3.yaml', ''),
    await file('4.yaml', `---\n${service}\n`),
    await file('5.yaml', `\uFEFF${service}\n`),
  ];
  const { code, stdout } = await run('inject', ...files.flatMap((path) => ['-f', path]), '--no-hold');
  expect(code).toBe(0);
  expect(stdout).toBe(`${service}\n---\n${POD}${GATE}---\n${service}\n---\n${service}\n`);
});

test('several files of which the first is JSON are a stream of YAML, and begin as one', async () => {
  const service = '{"apiVersion":"v1","kind":"Service"}';
  const json = await file('1.json', `${service}\n`);
  const empty = await file('empty.json', '');
  const streamOf = async (...files: readonly string[]) =>
    (await run('inject', ...files.flatMap((path) => ['-f', path]))).stdout;
  expect(await streamOf(json, json)).toBe(`---\n${service}\n---\n${service}\n`);
  expect(await streamOf(await file('bom.json', `\uFEFF\n${service}`), empty, json)).toBe(
    `---\n\n${service}\n---\n${service}\n`,
  );
  expect(await streamOf(json, empty)).toBe(`${service}\n`);
});

test('nothing is printed when one of the files is no manifest: exit 2, and where it is wrong', async () => {
  const good = await file('good.yaml', POD);
  const bad = await file('bad.yaml', 'kind: Pod\nspec: {\n');
  expect(await run('inject', '-f', good, '-f', bad)).toEqual({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(`^error: ${bad}:3:1: .*\n$`),
  });
  const wide = await file('wide.yaml', Buffer.from(`\uFEFF${POD}`, 'utf16le'));
  expect(await run('inject', '-f', wide)).toEqual({
    code: 2,
    stdout: '',
    stderr: `error: ${wide} is not UTF-8 text: save it as such\n`,
  });
});

test('other kinds by the path of their template; exit 1 for a path that leads nowhere', async () => {
  const template = 'pod:\n    spec:\n      containers:\n        - name: web\n';
  const set = `apiVersion: example.com/v1\nkind: Set\nmetadata: {name: web}\nspec:\n  ${template}`;
  const inject = async (path: string) =>
    await runWithInput(set, 'inject', '-f', '-', '--no-hold', '--pod-template', path);
  const { code, stdout } = await inject('spec.pod');
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `${set}      readinessGates:\n        - conditionType: slb.alibabacloud.com/load-balancer-ready\n`,
  });
  expect(await inject('spec.template')).toEqual({
    code: 1,
    stdout: set,
    stderr: '--pod-template spec.template: no object of a kind that is not known has a pod template there\n',
  });
});

test('each of several paths into one object is used; exit 0, and a second run changes nothing', async () => {
  const template = (role: string) =>
    `    ${role}Template:\n      spec:\n        containers:\n          - name: ${role}\n`;
  const gate =
    '        readinessGates:\n          - conditionType: slb.alibabacloud.com/load-balancer-ready\n';
  const head =
    'apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: llm}\nspec:\n  leaderWorkerTemplate:\n';
  const paths = ['leader', 'worker', 'leader'].flatMap((role) => [
    '--pod-template',
    `spec.leaderWorkerTemplate.${role}Template`,
  ]);
  const inject = async (text: string) => await runWithInput(text, 'inject', '-f', '-', '--no-hold', ...paths);
  const { code, stdout } = await inject(head + template('leader') + template('worker'));
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: head + template('leader') + gate + template('worker') + gate,
  });
  expect(await inject(stdout)).toEqual({ code: 0, stdout, stderr: '' });
});
