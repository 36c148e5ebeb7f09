// Writes the simulator as an npm package that contains nothing else: node scripts/release/simulator-package.ts FOLDER
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLES, bundleTo, isStale } from '../build/bundle.ts';

const root = join(import.meta.dirname, '../..');
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node scripts/release/simulator-package.ts FOLDER');
  process.exit(2);
}

const { version, license, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { simulator } = BUNDLES;
if (isStale(simulator)) await bundleTo(simulator);
mkdirSync(folder, { recursive: true });
copyFileSync(join(root, simulator.outfile), join(folder, 'simulator.js'));
for (const file of ['LICENSE', 'simulator/README.md']) {
  copyFileSync(join(root, file), join(folder, file.replace('simulator/', '')));
}
const manifest = {
  name: 'slb-simulator',
  version,
  description: 'SLB and ECS API of Alibaba Cloud for tests',
  license,
  type: 'module',
  bin: { 'slb-simulator': 'simulator.js' },
  engines,
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
