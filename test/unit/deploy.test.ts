import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { parseBinding } from '../../src/api/vservergroupbinding.ts';
import { environmentName, FLAG_KEYS } from '../../src/config/flags.ts';
import { readCommand } from '../../src/config.ts';
import { injectText } from '../../src/plugin/inject/inject.ts';
import { holdSecondsFor } from '../../src/zero-downtime/hold.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
}

const objectsOf = (path: string): Manifest[] =>
  parseAllDocuments(read(path)).map((document) => document.toJS() as Manifest);

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
  const base = objectsOfKustomization('deploy/base');

  test.each(['example', 'example-access-key'])('%s patches what the base holds', (name) => {
    const folder = `deploy/overlays/${name}`;
    const { patches } = parse(read(`${folder}/kustomization.yaml`)) as { patches: { path: string }[] };
    for (const { kind, metadata } of patches.flatMap(({ path }) => objectsOf(`${folder}/${path}`)))
      expect(base.map(identity)).toContain(identity({ kind, metadata }));
  });

  test.each(['example', 'example-access-key'])('%s sets variables that the operator takes', (name) => {
    const settings = {
      ...dataOf('deploy/base/config.yaml'),
      ...dataOf(`deploy/overlays/${name}/config.yaml`),
    };
    for (const variable of Object.keys(settings)) expect(FLAG_KEYS.map(environmentName)).toContain(variable);
    const environment = { ...settings, KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    expect(readCommand([], environment)).toMatchObject({ action: 'run', config: { region: 'cn-hangzhou' } });
  });
});

test('every variable in the Deployment is one of the operator', () => {
  for (const [, variable] of read('deploy/base/deployment.yaml').matchAll(/name: (VSGB_\w+)/g))
    expect(FLAG_KEYS.map(environmentName)).toContain(variable);
});

test('the base lists all its files', () => {
  const { resources } = parse(read('deploy/base/kustomization.yaml')) as { resources: string[] };
  const files = readdirSync(join(root, 'deploy/base')).filter((file) => file !== 'kustomization.yaml');
  expect(resources.filter((path) => !path.startsWith('..')).sort()).toEqual(files.sort());
});

test('everything in the base has the label that names the operator', () => {
  for (const object of objectsOfKustomization('deploy/base'))
    expect(object.metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'vservergroup-operator' });
});

test('the image of the Deployment is of the version in package.json', () => {
  const { version } = JSON.parse(read('package.json'));
  expect(read('deploy/base/deployment.yaml')).toContain(`image: vservergroup-operator:${version}\n`);
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

function objectsOfKustomization(folder: string): Manifest[] {
  const { resources } = parse(read(`${folder}/kustomization.yaml`)) as { resources: string[] };
  return resources.flatMap((path) => {
    const file = join(folder, path);
    return file.endsWith('.yaml') ? objectsOf(file) : objectsOfKustomization(file);
  });
}

function identity({ kind, metadata: { name, namespace = '' } }: Pick<Manifest, 'kind' | 'metadata'>): string {
  return `${kind} ${namespace}/${name}`;
}

function dataOf(path: string): Record<string, string> {
  return objectsOf(path)[0]?.data ?? {};
}
