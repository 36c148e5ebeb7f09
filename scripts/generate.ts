// Writes every file that is made from the source; with --check only tells which differ, and fails.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { customResourceDefinition } from '../src/api/crd.ts';
import { conditionsPage } from './docs/conditions.ts';
import { flagsPage } from './docs/flags.ts';
import { metricsPage } from './docs/metrics.ts';

interface Generator {
  readonly path: string;
  render(): string | Promise<string>;
}

const generators: readonly Generator[] = [
  {
    path: 'crds/slb.alibabacloud.com_vservergroupbindings.yaml',
    render: () => `# Made by \`npm run generate\` from src/api.\n${yaml(customResourceDefinition())}`,
  },
  { path: 'docs/flags.md', render: flagsPage },
  { path: 'docs/conditions.md', render: conditionsPage },
  { path: 'docs/metrics.md', render: metricsPage },
];

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 100, aliasDuplicateObjects: false });
}

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

let stale = 0;
for (const { path, render } of generators) {
  const file = join(root, path);
  const wanted = await render();
  if (read(file) === wanted) continue;
  stale += 1;
  if (values.check) {
    console.error(`${path} differs from its source: run \`npm run generate\` and commit it`);
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
  console.log(`${path} written`);
}
process.exitCode = values.check && stale > 0 ? 1 : 0;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
