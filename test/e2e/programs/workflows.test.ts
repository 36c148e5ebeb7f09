import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { locateActionlint } from '../../../lab/control-plane/build/build.ts';

const FOLDER = resolve(import.meta.dirname, '../../../.github/workflows');
const BUILD_MS = 10 * 60_000;

jest.setTimeout(60_000);

let actionlint: string;
let scratch: string;

beforeAll(async () => {
  actionlint = await locateActionlint();
  scratch = await mkdtemp(join(tmpdir(), 'workflows-'));
}, BUILD_MS);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** The output of actionlint; independent of other linters on the machine, which it would also run. */
async function lint(file: string): Promise<string> {
  const args = ['-no-color', '-oneline', '-shellcheck=', '-pyflakes=', file];
  const { stdout } = await promisify(execFile)(actionlint, args).catch((error) => error);
  return stdout;
}

describe('GitHub’s workflows', () => {
  test.each(readdirSync(FOLDER))('%s is one that actionlint accepts', async (file) => {
    expect(await lint(join(FOLDER, file))).toBe('');
  });

  test('a step that names an output of no other step is found', async () => {
    const folder = join(scratch, '.github/workflows');
    await mkdir(folder, { recursive: true });
    const release = await readFile(join(FOLDER, 'release.yml'), 'utf8');
    const file = join(folder, 'release.yml');
    await writeFile(file, release.replace('id: chart', 'id: map'));
    await writeFile(join(folder, 'ci.yml'), await readFile(join(FOLDER, 'ci.yml')));
    expect(await lint(file)).toContain('property "chart" is not defined');
  });
});
