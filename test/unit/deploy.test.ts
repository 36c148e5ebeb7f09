import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { readFolder, readManifests } from '../../lab/control-plane/api/manifest.ts';
import { parseBinding } from '../../src/api/vservergroupbinding.ts';
import { environmentName, FLAG_KEYS } from '../../src/config/flags.ts';
import { readCommand } from '../../src/config.ts';
import { injectText } from '../../src/plugin/inject/inject.ts';
import { holdSecondsFor } from '../../src/zero-downtime/hold.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Kustomization {
  readonly resources: readonly string[];
  readonly patches?: readonly { readonly path?: string }[];
  readonly configMapGenerator: readonly { readonly name: string; readonly literals: readonly string[] }[];
}

const kustomization = (folder: string): Kustomization => parse(read(`${folder}/kustomization.yaml`));

const identity = ({ object: { kind, metadata } }: Awaited<ReturnType<typeof readFolder>>[number]) =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

describe('ram-policy.json', () => {
  const actions: string[] = JSON.parse(read('deploy/ram-policy.json')).Statement.flatMap(
    (statement: { Action: string[] }) => statement.Action,
  );

  test('allows exactly the actions that the client calls', () => {
    const sources = { slb: 'src/alibaba/api/vserver-groups.ts', ecs: 'src/alibaba/api/ecs.ts' };
    const called = Object.entries(sources).flatMap(([product, file]) =>
      [...read(file).matchAll(/'((?:Add|Describe|Modify|Remove|Set|Create|Delete)[A-Z][A-Za-z]+)'/g)].map(
        ([, action]) => `${product}:${action}`,
      ),
    );
    expect(actions.toSorted()).toEqual([...new Set(called)].sort());
  });
});

describe('overlays', () => {
  const OVERLAYS = readdirSync(join(root, 'deploy/overlays'));

  test.each(OVERLAYS)('%s patches what the base holds', async (name) => {
    const folder = `deploy/overlays/${name}`;
    const base = (await readFolder(join(root, 'deploy/base'))).map(identity);
    for (const { path } of kustomization(folder).patches ?? [])
      for (const patch of path === undefined ? [] : await readManifests(join(root, folder, path)))
        expect(base).toContain(identity(patch));
  });

  test('a patch is one document: the kustomize of kubectl 1.30 takes no file of several', () => {
    const folders = ['overlays', 'components'].flatMap((kind) =>
      readdirSync(join(root, 'deploy', kind)).map((name) => `deploy/${kind}/${name}`),
    );
    const patches = folders.flatMap((folder) =>
      (kustomization(folder).patches ?? []).flatMap(({ path }) => (path ? [`${folder}/${path}`] : [])),
    );
    expect(patches.length).toBeGreaterThan(0);
    for (const patch of patches) expect([patch, parseAllDocuments(read(patch)).length]).toEqual([patch, 1]);
  });

  test.each(OVERLAYS)('%s sets variables that the operator takes', (name) => {
    const settings = Object.fromEntries(
      ['deploy/base', `deploy/overlays/${name}`]
        .flatMap((folder) => kustomization(folder).configMapGenerator.flatMap(({ literals }) => literals))
        .map((literal) => literal.split('=')),
    );
    for (const variable of Object.keys(settings)) expect(FLAG_KEYS.map(environmentName)).toContain(variable);
    const environment = { ...settings, KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    expect(readCommand([], environment)).toMatchObject({ action: 'run', config: { region: 'cn-hangzhou' } });
  });
});

test('the example for some namespaces gives the operator its role in each of them', async () => {
  const folder = 'deploy/overlays/example-namespaces';
  const bindings = await readManifests(join(root, folder, 'role-bindings.yaml'));
  const [, namespaces = ''] = /VSGB_NAMESPACE=(\S+)/.exec(read(`${folder}/kustomization.yaml`))!;
  expect(bindings.map(({ object }) => object.metadata.namespace)).toEqual(namespaces.split(','));
});

test('every variable in the Deployment is one of the operator', () => {
  for (const [, variable] of read('deploy/base/deployment.yaml').matchAll(/name: (VSGB_\w+)/g))
    expect(FLAG_KEYS.map(environmentName)).toContain(variable);
});

test('the base lists all its files', () => {
  const { resources } = kustomization('deploy/base');
  const files = readdirSync(join(root, 'deploy/base')).filter((file) => file !== 'kustomization.yaml');
  expect(resources.filter((path) => !path.startsWith('..')).sort()).toEqual(files.sort());
});

test('everything in the base has the label that names the operator', async () => {
  for (const { object } of await readFolder(join(root, 'deploy/base')))
    expect(object.metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'vservergroup-operator' });
});

test('the policies, which outlast an installation, lack the label by which it is deleted for a move to Helm', async () => {
  const [, label = ''] = /--selector (\S+)=vservergroup-operator/.exec(read('docs/install.md')) ?? [];
  expect(label).toBe('app.kubernetes.io/name');
  for (const { object } of await readFolder(join(root, 'deploy/policies')))
    expect(object.metadata.labels).toEqual({ 'app.kubernetes.io/part-of': 'vservergroup-operator' });
});

describe('the sample pods', () => {
  const text = read('deploy/samples/web.yaml');
  const inject = (gate: boolean, from: string) =>
    injectText(from, 'web.yaml', { gate, holdSeconds: neededHold(), templatePaths: [] });

  test('have the hold that their binding needs, as kubectl vsgb inject writes it', () => {
    expect(inject(false, text)).toMatchObject({ text, told: [], refused: false });
  });

  test('have the gate in a comment: without --readiness-gates pods with it are never Ready', () => {
    const gated = text.replace(/^( +)# (readinessGates:| {2}- conditionType: .*)$/gm, '$1$2');
    expect(inject(true, text).text).not.toBe(text);
    expect(inject(true, gated)).toMatchObject({ text: gated, told: [], refused: false });
  });

  function neededHold(): number {
    const parsed = parseBinding({
      ...parse(read('deploy/samples/binding-eni.yaml')),
      metadata: { namespace: 'shop', name: 'web' },
    });
    if (!parsed.ok) throw new Error(parsed.message);
    return holdSecondsFor(parsed.binding.spec, 0);
  }
});
