import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

// Checks beyond those of actionlint, which runs in test/e2e/programs/workflows.test.ts.

const FOLDER = join(import.meta.dirname, '../../.github/workflows');
const files = readdirSync(FOLDER).map((file) => ({ file, text: readFileSync(join(FOLDER, file), 'utf8') }));
const uses = files.flatMap(({ file, text }) =>
  [...text.matchAll(/^\s*(?:- )?uses: (.+)$/gm)].map(([, action = '']) => ({ file, action })),
);
const foreign = uses.filter(({ action }) => !action.startsWith('./'));

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly uses?: string;
  readonly 'timeout-minutes'?: number;
  readonly steps?: readonly { readonly run?: string; readonly uses?: string; readonly with?: object }[];
}

describe('actions of others', () => {
  test('are pinned by commit, with the version beside it', () => {
    expect(foreign.length).toBeGreaterThan(5);
    const loose = foreign.filter(
      ({ action }) => !/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action),
    );
    expect(loose).toEqual([]);
  });

  test('are of one version each', () => {
    const pins = [...new Set(foreign.map(({ action }) => action))];
    const names = pins.map((pin) => pin.split('@')[0]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe.each(files)('$file', ({ text }) => {
  const { permissions, jobs }: Workflow = parse(text);

  test('has no right unless a job asks for it, but to read', () => {
    expect([{}, { contents: 'read' }]).toContainEqual(permissions);
  });

  test('no job of it can hang for hours', () => {
    const own = Object.entries(jobs).filter(([, job]) => job.uses === undefined);
    expect(own.filter(([, job]) => !(Number(job['timeout-minutes']) <= 120)).map(([name]) => name)).toEqual(
      [],
    );
  });

  test('no expression is written into a command: who opens a pull request names branch and title', () => {
    const commands = Object.values(jobs).flatMap(({ steps = [] }) => steps.map(({ run }) => run ?? ''));
    expect(commands.filter((command) => command.includes('${{'))).toEqual([]);
  });

  test('a checkout leaves no token behind', () => {
    const checkouts = Object.values(jobs)
      .flatMap(({ steps = [] }) => steps)
      .filter((step) => step.uses?.startsWith('actions/checkout@'));
    expect(checkouts.length).toBeGreaterThan(0);
    for (const step of checkouts) expect(step.with).toMatchObject({ 'persist-credentials': false });
  });
});
