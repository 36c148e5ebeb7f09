import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BundledPackage, idOf } from './bundled-packages.ts';

const root = join(import.meta.dirname, '../..');

/** https://cyclonedx.org/docs/1.5/json/ */
interface Sbom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly Dependency[];
}

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
}

interface Dependency {
  readonly ref: string;
  readonly dependsOn?: readonly string[];
}

/**
 * The SBOM of the product (CycloneDX), for scanners: npm's own SBOM, reduced to the packages with code in a bundle, so that
 * scanners report no findings for packages that are left out.
 */
export function sbomOf(packages: readonly BundledPackage[]): string {
  const all = npmSbom();
  const wanted = new Set(packages.map(idOf));
  const components = all.components.filter(({ name, version }) => wanted.delete(`${name}@${version}`));
  if (wanted.size > 0) throw new Error(`bundled, and not in the SBOM of npm: ${[...wanted].join(', ')}`);
  const own = all.metadata.component;
  const kept = new Set([own, ...components].map((component) => component['bom-ref']));
  const dependencies = dependenciesAmong(kept, all.dependencies);
  return `${JSON.stringify({ ...all, components, dependencies }, null, 2)}\n`;
}

/** Replaces indirect dependencies through packages that are not kept with direct ones. */
function dependenciesAmong(kept: ReadonlySet<string>, all: readonly Dependency[]): readonly Dependency[] {
  const direct = new Map(all.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const reached = (ref: string, seen: Set<string>): readonly string[] =>
    (direct.get(ref) ?? []).flatMap((next) => {
      if (seen.has(next)) return [];
      seen.add(next);
      return kept.has(next) ? [next] : reached(next, seen);
    });
  return [...kept].map((ref) => ({ ref, dependsOn: [...reached(ref, new Set([ref]))].sort() }));
}

/**
 * npm's `--omit dev` also leaves out packages that the product shares with a test, so npm is shown a package without its
 * development dependencies.
 */
function npmSbom(): Sbom {
  const folder = mkdtempSync(join(tmpdir(), 'vsgb-sbom-'));
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      const content = withoutDevelopment(JSON.parse(readFileSync(join(root, file), 'utf8')));
      writeFileSync(join(folder, file), JSON.stringify(content));
    }
    const format = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
    const options = { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 } as const;
    const sbom = JSON.parse(execFileSync('npm', ['sbom', '--package-lock-only', ...format], options));
    // npm would use the name of the folder.
    sbom.metadata.component.name = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).name;
    return sbom;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface PackageOrLock {
  readonly devDependencies?: object;
  /** In a lockfile: by folder, with the package itself under "". */
  readonly packages?: Readonly<Record<string, PackageOrLock & { readonly dev?: boolean }>>;
}

function withoutDevelopment({ devDependencies, packages, ...others }: PackageOrLock): PackageOrLock {
  if (packages === undefined) return others;
  const kept = Object.entries(packages).filter(([, { dev }]) => !dev);
  return {
    ...others,
    packages: Object.fromEntries(kept.map(([folder, one]) => [folder, withoutDevelopment(one)])),
  };
}
