// Sets the version of package, image, chart and overlays: node scripts/release/set-version.ts 0.2.0
// The section in CHANGELOG.md is written by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withVersion } from './versions.ts';

const root = join(import.meta.dirname, '../..');
const [version = ''] = process.argv.slice(2);

if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
  console.error('usage: node scripts/release/set-version.ts MAJOR.MINOR.PATCH');
  process.exit(2);
}
for (const [file, text] of withVersion((path) => readFileSync(join(root, path), 'utf8'), version)) {
  writeFileSync(join(root, file), text);
  console.error(`${file}: ${version}`);
}
