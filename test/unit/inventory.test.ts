import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';

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
let licenses: string;

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.ts', '--if-stale', '--inventory'], {
    cwd: root,
    stdio: 'pipe',
  });
  licenses = readFileSync(join(root, 'dist/third-party-licenses.txt'), 'utf8');
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

test('holds each package that the product names, and nothing that only tests need', () => {
  const names = new Set(sbom.components.map(({ name }) => name));
  expect(Object.keys(packageJson.dependencies).filter((name) => !names.has(name))).toEqual([]);
  expect(Object.keys(packageJson.devDependencies).filter((name) => names.has(name))).toEqual([]);
});

test('holds what is bundled, and every version of it', () => {
  const bundled = sections().map(({ id }) => id);
  expect(bundled.length).toBeGreaterThan(50);
  expect(sbom.components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(bundled);
});

test('every reference leads somewhere, and only once', () => {
  const refs = [sbom.metadata.component, ...sbom.components].map((component) => component['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  const named = sbom.dependencies.flatMap(({ ref, dependsOn = [] }) => [ref, ...dependsOn]);
  expect(named.filter((ref) => !refs.includes(ref))).toEqual([]);
});

test('each package is there because the product, or what it depends on, depends on it', () => {
  const direct = new Map(sbom.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const reached = new Set([sbom.metadata.component['bom-ref']]);
  for (const ref of reached) for (const next of direct.get(ref) ?? []) reached.add(next);
  expect(sbom.components.map((component) => component['bom-ref']).filter((ref) => !reached.has(ref))).toEqual(
    [],
  );
});

describe('the licences of what is bundled', () => {
  /** Each of these licences allows bundling and redistribution if its text is included: https://spdx.org/licenses/ */
  const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT'];

  test('are all among those that are allowed', () => {
    const others = sections().filter(({ license }) => !ALLOWED.includes(license));
    expect(others.map(({ id, license }) => `${id}: ${license}`)).toEqual([]);
  });

  test('come with their text; a package without one names its author, and there are no more of them', () => {
    expect(sections().filter(({ text }) => text.length < 400)).toEqual([]);
    const without = sections().filter(({ text }) => text.includes('brings no text of its own'));
    expect(without.map(({ id }) => id.replace(/@[^@]+$/, ''))).toEqual(['@alicloud/pop-core', 'httpx']);
    for (const { text } of without) expect(text).toContain('Copyright Jackson Tian\n');
  });

  test('are in the image, with the licence of its own', () => {
    const operator = readFileSync(join(root, 'Dockerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1);
    expect(operator).toMatch(/^COPY --from=build .*\/src\/dist\/third-party-licenses\.txt .*\.\/$/m);
    expect(operator).toMatch(/^COPY --from=build .*\/src\/LICENSE .*\.\/$/m);
  });
});

/** The sections of dist/third-party-licenses.txt, one for each package. */
function sections(): readonly { readonly id: string; readonly license: string; readonly text: string }[] {
  const [, ...parts] = licenses.split(/^={80}\n(.+), (.+)\n={80}\n/m);
  return Array.from({ length: parts.length / 3 }, (_, index) => {
    const [id = '', license = '', text = ''] = parts.slice(3 * index);
    return { id, license, text };
  });
}
