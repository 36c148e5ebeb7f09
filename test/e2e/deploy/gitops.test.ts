import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { locateGitops } from '../../../lab/control-plane/build/build.ts';
import { conditionExamples } from '../../../scripts/docs/message-examples.ts';
import type { Reason } from '../../../src/api/conditions.ts';
import { API_VERSION, KIND } from '../../../src/api/names.ts';
import { conditionsStatus } from '../../../src/controller/binding/binding-status.ts';
import type { BindingVerdict } from '../../../src/controller/binding/verdict.ts';

// docs/gitops.md: the claims of its table, the check for Argo CD and the expressions for Flux.

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILD_MS = 30 * 60_000;
const REASONS = Object.keys(conditionExamples) as Reason[];

jest.setTimeout(60_000);

interface Answer {
  readonly argocd: { readonly status: string; readonly message: string };
  readonly flux: string;
  readonly kstatus: string;
}

let program: string;
let healthLua: string;
let page: string;

beforeAll(async () => {
  program = await locateGitops();
  page = await readFile(join(ROOT, 'docs/gitops.md'), 'utf8');
  const patch = parse(await readFile(join(ROOT, 'deploy/argocd/argocd-cm.yaml'), 'utf8'));
  healthLua = patch.data[`resource.customizations.health.slb.alibabacloud.com_${KIND}`];
}, BUILD_MS);

/** How the tools judge bindings with these statuses; all have generation 2. */
async function asked(statuses: readonly object[]): Promise<readonly Answer[]> {
  const [, kustomization = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
  const { healthCheckExprs } = parse(kustomization).spec;
  expect(healthCheckExprs).toMatchObject([{ apiVersion: API_VERSION, kind: KIND }]);
  const objects = statuses.map((status) => ({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: 'web', namespace: 'shop', generation: 2 },
    status,
  }));
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify({ healthLua, healthCheckExprs: healthCheckExprs[0], objects }));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (errors !== '') throw new Error(errors);
  return JSON.parse(output);
}

const reported = (verdict: Omit<BindingVerdict, 'message'> & { message?: string }, generation = 2) =>
  conditionsStatus({ generation }, { message: 'ok', ...verdict }, [], 0);

/** The row of the table in docs/gitops.md. */
function row(first: string) {
  const line = page.split('\n').find((one) => one.startsWith(`| ${first} |`));
  const [, , argocd, flux, kstatus] = line?.split('|').map((cell) => cell.trim()) ?? [];
  return { argocd, flux, kstatus };
}

const rowOf = ({ ready, reconciling, stalled, reason }: Omit<BindingVerdict, 'message'>) => {
  if (ready) return '`Ready` True';
  if (reconciling) return '`Reconciling` True';
  if (stalled) return '`Stalled` True';
  expect(['Suspended', 'DryRun']).toContain(reason);
  return '`Suspended`, `DryRun`';
};

describe('Argo CD, Flux and kstatus', () => {
  let answers: readonly Answer[];

  beforeAll(async () => {
    answers = await asked(REASONS.map((reason) => reported(conditionExamples[reason].example())));
  });

  test.each(REASONS)('see %s as docs/gitops.md says', (reason) => {
    const verdict = conditionExamples[reason].example();
    const { argocd, flux, kstatus } = answers[REASONS.indexOf(reason)]!;
    expect({ argocd: argocd.status, flux, kstatus }).toEqual(row(rowOf(verdict)));
    expect(argocd.message).toBe(verdict.message);
  });

  test('do not go by what was reported of an older version of the binding', async () => {
    const ready = { ready: true, reconciling: false, stalled: false, reason: 'Synced' } as const;
    const [older, never] = await asked([reported(ready, 1), { observedGeneration: -1 }]);
    for (const answer of [older, never])
      expect({ ...answer, argocd: answer?.argocd.status }).toEqual(
        row('not seen by the operator since its last change'),
      );
  });

  test('take a binding that is Ready while backends drain as docs/gitops.md says', async () => {
    const [answer] = await asked([
      reported({ ready: true, reconciling: true, stalled: false, reason: 'Synced' }),
    ]);
    expect({ ...answer, argocd: answer?.argocd.status }).toEqual({
      argocd: 'Healthy',
      flux: 'Current',
      kstatus: 'InProgress',
    });
  });
});
