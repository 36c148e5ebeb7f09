// Prints the manifest with which krew installs the plugin of a release. FOLDER contains its archives, REPOSITORY is the URL of the
// repository: node scripts/release/krew-manifest.ts REPOSITORY FOLDER
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { archiveName, MACHINES, PROGRAM } from './plugin-archives.ts';

const root = join(import.meta.dirname, '../..');
const [repository, folder] = process.argv.slice(2);
if (repository === undefined || folder === undefined) {
  console.error('usage: node scripts/release/krew-manifest.ts REPOSITORY FOLDER');
  process.exit(2);
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const missing = MACHINES.map((machine) => archiveName(version, machine)).filter(
  (name) => !existsSync(join(folder, name)),
);
if (missing.length > 0) {
  console.error(`${folder} lacks ${missing.join(', ')}`);
  process.exit(1);
}

const manifest = {
  apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
  kind: 'Plugin',
  metadata: { name: PROGRAM.replace('kubectl-', '') },
  spec: {
    version: `v${version}`,
    homepage: repository,
    shortDescription: 'Inspect and change Alibaba Cloud SLB vServer groups',
    description:
      'Shows what the VServerGroup operator keeps in vServer groups and why, takes nodes out of service, and writes what pods need so that rollouts lose no request.\n',
    platforms: MACHINES.map((machine) => ({
      selector: { matchLabels: machine },
      uri: `${repository}/releases/download/v${version}/${archiveName(version, machine)}`,
      sha256: createHash('sha256')
        .update(readFileSync(join(folder, archiveName(version, machine))))
        .digest('hex'),
      bin: PROGRAM,
    })),
  },
};
process.stdout.write(stringify(manifest, { lineWidth: 0 }));
