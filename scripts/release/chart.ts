// Writes the chart as it is released, with the image of the release in it:
// node scripts/release/chart.ts REPOSITORY DIGEST FOLDER
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument, type YAMLMap } from 'yaml';

const CHART = join(import.meta.dirname, '../../deploy/helm/vservergroup-operator');

const [repository, digest = '', folder] = process.argv.slice(2);
if (!repository || !/^sha256:[0-9a-f]{64}$/.test(digest) || !folder) {
  console.error('usage: node scripts/release/chart.ts REPOSITORY sha256:… FOLDER');
  process.exit(2);
}
cpSync(CHART, folder, { recursive: true });
const values = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
const image = values.get('image') as YAMLMap;
image.set('repository', repository);
image.commentBefore =
  ' -- Registry and name, without tag: here and in the digest, the image of this release.';
image.set('digest', digest);
writeFileSync(join(folder, 'values.yaml'), values.toString({ lineWidth: 0 }));
