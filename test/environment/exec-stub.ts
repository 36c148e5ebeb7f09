import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PLUGIN = resolve(import.meta.dirname, '../../dist/kubectl-vsgb.js');

/**
 * A `kubectl` whose `exec` runs the command on this machine, with the environment of the container, because the pods of tests have
 * no processes.
 */
export class ExecStub implements AsyncDisposable {
  /** Must come first in PATH. */
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(environment: Readonly<Record<string, string>>): Promise<ExecStub> {
    const dir = await mkdtemp(join(tmpdir(), 'kubectl-'));
    const script = `#!${process.execPath}
const { appendFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify(join(dir, 'calls'))}, JSON.stringify(args) + '\\n');
const command = args.slice(args.indexOf('--') + 1);
if (command[0] !== 'node' || command[1] !== '/app/kubectl-vsgb.js') process.exit(126);
const { status } = spawnSync(process.execPath, [${JSON.stringify(PLUGIN)}, ...command.slice(2)], {
  stdio: 'inherit',
  env: ${JSON.stringify(environment)},
});
process.exit(status ?? 1);
`;
    const file = join(dir, 'kubectl');
    // Without this, Node would treat the script as an ES module.
    await writeFile(join(dir, 'package.json'), '{"type":"commonjs"}');
    await writeFile(file, script);
    await chmod(file, 0o755);
    return new ExecStub(dir);
  }

  /** The arguments of each call. */
  async calls(): Promise<readonly (readonly string[])[]> {
    const text = await readFile(join(this.dir, 'calls'), 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as string[]]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true });
  }
}
