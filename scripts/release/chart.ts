// Writes the chart as released, with the image reference of the release:
// node scripts/release/chart.ts REPOSITORY DIGEST FOLDER
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { releasedChart } from '../chart/released.ts';

const ROOT = join(import.meta.dirname, '../..');
const CHART = join(ROOT, 'deploy/helm/vservergroup-operator');

const [repository, digest = '', folder] = process.argv.slice(2);
if (!repository || !/^sha256:[0-9a-f]{64}$/.test(digest) || !folder) {
  console.error('usage: node scripts/release/chart.ts REPOSITORY sha256:… FOLDER');
  process.exit(2);
}
cpSync(CHART, folder, { recursive: true });
const files = releasedChart(
  (path) => readFileSync(join(CHART, path), 'utf8'),
  readFileSync(join(ROOT, 'docs/install.md'), 'utf8'),
  { repository, digest },
);
for (const [path, text] of files) writeFileSync(join(folder, path), text);
