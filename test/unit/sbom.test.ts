import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../..');

/** https://cyclonedx.org/docs/1.5/json/ */
interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly version: number;
  readonly metadata: { readonly timestamp: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
let sbom: Sbom;

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.ts', '--if-stale', '--sbom'], { cwd: root, stdio: 'pipe' });
  sbom = JSON.parse(readFileSync(join(root, 'dist/sbom.cdx.json'), 'utf8'));
}, 120_000);

test('is CycloneDX and about this package', () => {
  expect(sbom).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: expect.stringMatching(/^1\.\d$/),
    version: 1,
  });
  expect(sbom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(Number.isNaN(Date.parse(sbom.metadata.timestamp))).toBe(false);
  const { name, version } = packageJson;
  expect(sbom.metadata.component).toMatchObject({ type: 'application', name, version });
});

test('names every package with its version, its purl and the hash of what was downloaded', () => {
  for (const { type, name, version, purl, hashes } of sbom.components) {
    expect(type).toBe('library');
    expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`);
    expect(hashes?.[0]).toEqual({ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) });
  }
});

test('holds all that the product is made of, and nothing that only tests need', () => {
  const names = new Set(sbom.components.map(({ name }) => name));
  expect(Object.keys(packageJson.dependencies).filter((name) => !names.has(name))).toEqual([]);
  const development = Object.keys(packageJson.devDependencies).filter((name) => names.has(name));
  // Types come with the packages that they are of.
  expect(development.filter((name) => !name.startsWith('@types/'))).toEqual([]);
});

test('holds also what the product and a test share', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; dev?: true }>;
  };
  const needed = Object.entries(packages).filter(([folder, { dev }]) => folder !== '' && dev === undefined);
  const named = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
  const missing = needed.map(
    ([folder, { version }]) => `${folder.replace(/^.*node_modules\//, '')}@${version}`,
  );
  expect(missing.filter((name) => !named.has(name))).toEqual([]);
  expect(needed.length).toBeGreaterThan(100);
});

test('every reference leads somewhere, and only once', () => {
  const refs = [sbom.metadata.component, ...sbom.components].map((component) => component['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  const named = sbom.dependencies.flatMap(({ ref, dependsOn = [] }) => [ref, ...dependsOn]);
  expect(named.filter((ref) => !refs.includes(ref))).toEqual([]);
});
