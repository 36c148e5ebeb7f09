// Writes every file that is made from the source; with --check only tells which differ, and fails.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { customResourceDefinition } from '../src/api/crd.ts';

interface Generator {
  readonly path: string;
  render(): string;
}

const generators: readonly Generator[] = [
  {
    path: 'crds/slb.alibabacloud.com_vservergroupbindings.yaml',
    render: () => `# Made by \`npm run generate\` from src/api.\n${yaml(customResourceDefinition())}`,
  },
];

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 100, aliasDuplicateObjects: false });
}

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

const stale = generators.filter(({ path, render }) => read(join(root, path)) !== render());
for (const { path, render } of stale) {
  if (values.check) console.error(`${path} differs from its source: run \`npm run generate\` and commit it`);
  else {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), render());
    console.log(`${path} written`);
  }
}
process.exitCode = values.check && stale.length > 0 ? 1 : 0;

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
