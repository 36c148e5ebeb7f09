import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../../..');
const WORKFLOW = join(ROOT, '.github/workflows/release.yml');

interface Step {
  readonly name?: string;
  readonly run?: string;
}

export interface StepOutcome {
  readonly ok: boolean;
  readonly output: string;
  /** The outputs that the step set for later steps. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Calls of the stand-in programs: `NAME ARGS`. */
  readonly calls: readonly string[];
}

/** Runs commands of the release workflow unchanged, in a copy of the part of the repository that they need. */
export class WorkflowSteps {
  readonly folder: string;
  readonly #steps: readonly Step[];

  private constructor(folder: string, steps: readonly Step[]) {
    this.folder = folder;
    this.#steps = steps;
  }

  /** @param changelog - makes the content of CHANGELOG.md from the current content */
  static async prepare(changelog: (text: string) => string): Promise<WorkflowSteps> {
    const { jobs } = parse(await readFile(WORKFLOW, 'utf8')) as {
      jobs: Record<string, { readonly steps?: readonly Step[] }>;
    };
    const folder = await mkdtemp(join(tmpdir(), 'release-'));
    for (const path of ['scripts', 'src', 'deploy/helm', 'docs/install.md', 'package.json'])
      await cp(join(ROOT, path), join(folder, path), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const text = await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8');
    await writeFile(join(folder, 'CHANGELOG.md'), changelog(text));
    await mkdir(join(folder, 'bin'));
    return new WorkflowSteps(
      folder,
      Object.values(jobs).flatMap(({ steps = [] }) => steps),
    );
  }

  /** A program that records that it was called, and then runs `script` (bash). */
  async standIn(program: string, script = ''): Promise<void> {
    const note = `#!/usr/bin/env bash\necho "${program} $*" >> '${join(this.folder, 'calls')}'\n`;
    await writeFile(join(this.folder, 'bin', program), `${note}${script}\n`, { mode: 0o755 });
  }

  /** @param env - the variables of the step, and those that GitHub would set */
  async run(name: string, env: Readonly<Record<string, string>>): Promise<StepOutcome> {
    const command = this.#steps.find((step) => step.name === name)?.run;
    if (command === undefined) throw new Error(`${WORKFLOW} has no step "${name}" with commands`);
    const files = { outputs: join(this.folder, 'outputs'), calls: join(this.folder, 'calls') };
    for (const file of Object.values(files)) await writeFile(file, '');
    // https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', command], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        HOME: this.folder,
        PATH: `${join(this.folder, 'bin')}:${process.env['PATH']}`,
        GITHUB_OUTPUT: files.outputs,
        ...env,
      },
    });
    const exited = new Promise<boolean>((done) => child.once('close', (code) => done(code === 0)));
    const [ok, output, errors] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
    const lines = async (file: string) => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
    return {
      ok,
      output: output + errors,
      outputs: Object.fromEntries((await lines(files.outputs)).map((line) => line.split('='))),
      calls: await lines(files.calls),
    };
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
