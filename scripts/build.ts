// Bundles the operator, the kubectl plugin and the simulator into one file each. `--if-stale` skips bundles that are newer than
// their sources, so that `npm run operator` starts at once; `--inventory` lists the third-party code in the operator and the
// plugin: an SBOM and the licences.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUNDLES, bundleTo, isStale, readMetafile } from './build/bundle.ts';
import { bundledPackages } from './build/bundled-packages.ts';
import { sbomOf } from './build/sbom.ts';
import { thirdPartyLicenses } from './build/third-party-licenses.ts';

const root = join(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    'if-stale': { type: 'boolean', default: false },
    inventory: { type: 'boolean', default: false },
  },
});

for (const bundle of Object.values(BUNDLES)) {
  if (!options['if-stale'] || isStale(bundle)) await bundleTo(bundle);
}
if (options.inventory) writeInventory();

function writeInventory(): void {
  const { operator, plugin, simulator } = BUNDLES;
  const strangers = bundledPackages([simulator].map(readMetafile));
  if (strangers.length > 0)
    throw new Error(`no licence of ${strangers[0]!.folder} would be in the simulator's image`);
  const packages = bundledPackages([operator, plugin].map(readMetafile));
  writeFileSync(join(root, 'dist/sbom.cdx.json'), sbomOf(packages));
  writeFileSync(join(root, 'dist/third-party-licenses.txt'), thirdPartyLicenses(packages));
  console.error(`dist/sbom.cdx.json, dist/third-party-licenses.txt: ${packages.length} packages`);
}
