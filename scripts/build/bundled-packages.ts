import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

const root = join(import.meta.dirname, '../..');

export interface BundledPackage {
  /** Relative to the root of the repository: `node_modules/…`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; undefined if package.json has none. */
  readonly license?: string;
  readonly author?: string | { readonly name: string };
}

/** The packages with code in one of the bundles, by name and version. */
export function bundledPackages(metafiles: readonly Metafile[]): readonly BundledPackage[] {
  const inputs = metafiles
    .flatMap(({ outputs }) => Object.values(outputs))
    .flatMap((output) => Object.entries(output.inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const folders = inputs.flatMap(([file]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file) ?? []);
  const packages = [...new Set(folders)].map(readPackage);
  return packages.sort((one, other) => (idOf(one) < idOf(other) ? -1 : 1));
}

export function idOf({ name, version }: BundledPackage): string {
  return `${name}@${version}`;
}

function readPackage(folder: string): BundledPackage {
  return { ...JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')), folder };
}
