import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { locateDeployTools } from '../../../lab/control-plane/build/build.ts';
import { archiveName, MACHINES } from '../../../scripts/release/plugin-archives.ts';
import { type OciRegistry, startOciRegistry } from '../../environment/release/oci-registry.ts';
import { WorkflowSteps } from '../../environment/release/workflow-steps.ts';
import { DeployTools, succeeded } from '../../helm/tools.ts';

// Runs the commands of .github/workflows/release.yml unchanged: Helm is real, with a registry on loopback; docker, cosign and gh
// are programs that record how they were called.

const BUILD_MS = 30 * 60_000;
const [AMD64, ARM64, INDEX] = ['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}`) as [
  string,
  string,
  string,
];

jest.setTimeout(120_000);

let registry: OciRegistry;
let tools: DeployTools;
let steps: WorkflowSteps;
let version: string;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  registry = await startOciRegistry();
  tools = await DeployTools.find();
  steps = await WorkflowSteps.prepare((text) => text.replace('– unreleased', '– 2027-01-31'));
  ({ version } = JSON.parse(await readFile(join(steps.folder, 'package.json'), 'utf8')));
  env = { REGISTRY: `${registry.host}/team`, GITHUB_REF_NAME: `v${version}` };
}, BUILD_MS);

afterAll(async () => {
  await steps?.close();
  await tools?.close();
  await registry?.close();
});

beforeEach(async () => {
  await steps.standIn('cosign');
  await steps.standIn('gh');
});

test('the image of one architecture is pushed by digest, of the version and the commit', async () => {
  await steps.standIn('docker', `echo '{"containerimage.digest": "${AMD64}"}' > metadata.json`);
  const image = { IMAGE: 'vservergroup-operator', TARGET: 'operator', ARCHITECTURE: 'amd64' };
  const { ok, calls } = await steps.run('Build, and push without a tag', {
    ...env,
    ...image,
    GITHUB_SHA: '1234abcd',
  });
  expect(ok).toBe(true);
  expect(calls).toEqual([
    expect.stringMatching(/^docker buildx build --target operator .*push-by-digest=true/),
  ]);
  expect(calls[0]).toContain(`--build-arg VERSION=${version} --build-arg REVISION=1234abcd`);
  expect(calls[0]).not.toContain('--tag');
  expect(await readFile(join(steps.folder, 'vservergroup-operator-amd64'), 'utf8')).toBe(`${AMD64}\n`);
});

test('both architectures become one image of the version, which is signed by digest', async () => {
  await steps.standIn('docker', `case "$*" in *inspect*) echo ${INDEX};; esac`);
  await mkdir(join(steps.folder, 'digests'), { recursive: true });
  for (const image of ['vservergroup-operator', 'slb-simulator']) {
    await writeFile(join(steps.folder, `digests/${image}-amd64`), `${AMD64}\n`);
    await writeFile(join(steps.folder, `digests/${image}-arm64`), `${ARM64}\n`);
  }
  const { ok, calls, outputs } = await steps.run('One image of both architectures, signed by digest', env);
  expect(ok).toBe(true);
  const { REGISTRY } = env;
  for (const image of ['vservergroup-operator', 'slb-simulator']) {
    const name = `${REGISTRY}/${image}`;
    expect(calls).toContain(
      `docker buildx imagetools create --tag ${name}:${version} ${name}@${AMD64} ${name}@${ARM64}`,
    );
    expect(calls).toContain(`cosign sign --yes --recursive ${name}@${INDEX}`);
    expect(outputs[image]).toBe(INDEX);
  }
});

test('the chart has the image by digest, is pushed, and is signed by the digest that the registry has of it', async () => {
  const { helm } = await locateDeployTools();
  await steps.standIn('helm', `exec '${helm}' "$@" $([[ $1 != push ]] || echo --plain-http)`);
  const name = 'The chart, signed by digest';
  const { ok, output, calls, outputs } = await steps.run(name, { ...env, DIGEST: INDEX });
  expect(ok ? '' : output).toBe('');
  const digest = registry.tags.get(`team/charts/vservergroup-operator:${version}`);
  expect(outputs).toEqual({ digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
  expect(outputs['digest']).toBe(digest);
  expect(calls).toContain(`cosign sign --yes ${env['REGISTRY']}/charts/vservergroup-operator@${digest}`);

  const chart = join(steps.folder, `release/vservergroup-operator-${version}.tgz`);
  const manifests = succeeded(await tools.helm(['template', 'edge', chart, '--set', 'region=cn-hangzhou']));
  expect(manifests).toContain(`image: "${env['REGISTRY']}/vservergroup-operator@${INDEX}"\n`);
});

test('the manifest for krew is among the files, with the address of the release', async () => {
  const folder = join(steps.folder, 'release');
  await mkdir(folder, { recursive: true });
  for (const machine of MACHINES) await writeFile(join(folder, archiveName(version, machine)), 'archive');
  const github = { GITHUB_SERVER_URL: 'https://example.com', GITHUB_REPOSITORY: 'owner/name' };
  expect(await steps.run('The manifest for krew', { ...env, ...github })).toMatchObject({ ok: true });
  const { spec } = parse(await readFile(join(folder, 'vsgb.yaml'), 'utf8'));
  const address = `https://example.com/owner/name/releases/download/v${version}`;
  expect(spec).toMatchObject({ version: `v${version}`, homepage: 'https://example.com/owner/name' });
  expect(spec.platforms.map(({ uri }: { uri: string }) => uri)).toEqual(
    MACHINES.map((machine) => `${address}/${archiveName(version, machine)}`),
  );
});

test('what is published is the tag, with its section of the changelog, the files and their checksums', async () => {
  await mkdir(join(steps.folder, 'release'), { recursive: true });
  await writeFile(join(steps.folder, 'release/sbom.cdx.json'), '{}');
  const { ok, calls } = await steps.run('Publish', env);
  expect(ok).toBe(true);
  expect(calls).toEqual([expect.stringContaining(`gh release create v${version} --verify-tag `)]);
  const checksum = createHash('sha256').update('{}').digest('hex');
  const checksums = await readFile(join(steps.folder, 'release/checksums.txt'), 'utf8');
  expect(checksums).toContain(`${checksum}  sbom.cdx.json\n`);
  for (const file of ['checksums.txt', 'sbom.cdx.json']) expect(calls[0]).toContain(` release/${file}`);
  expect(await readFile(join(steps.folder, 'notes.md'), 'utf8')).toMatch(/^\S/);
});

test.each([
  ['v1.2.3', 'false'],
  ['v1.2.3-rc.1', 'true'],
])('%s is published as a pre-release: %s', async (tag, prerelease) => {
  const other = await WorkflowSteps.prepare((text) => text);
  try {
    // Instead of the notes, which exist for the current version alone.
    await other.standIn('node');
    await other.standIn('gh');
    await mkdir(join(other.folder, 'release'));
    await writeFile(join(other.folder, 'release/sbom.cdx.json'), '{}');
    const { calls } = await other.run('Publish', { GITHUB_REF_NAME: tag });
    expect(calls.at(-1)).toContain(` --prerelease=${prerelease} release/`);
  } finally {
    await other.close();
  }
});

test('a version without a date is refused at the start, and would not be published', async () => {
  const unready = await WorkflowSteps.prepare((text) => text.replace(/– \d{4}-\d\d-\d\d$/m, '– unreleased'));
  try {
    await unready.standIn('gh');
    await mkdir(join(unready.folder, 'release'));
    await writeFile(join(unready.folder, 'release/sbom.cdx.json'), '{}');
    const check = await unready.run('The tag is the version, and the changelog has its date', env);
    expect(check).toMatchObject({ ok: false, output: expect.stringContaining('is unreleased') });
    expect(await unready.run('Publish', env)).toMatchObject({ ok: false, calls: [] });
  } finally {
    await unready.close();
  }
});
