import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = 'deploy/helm/vservergroup-operator';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/**
 * What of the Kubernetes API is not older than the CRD's rules (1.25), and the first version that acts on it unless told
 * otherwise: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
 */
const FEATURES: readonly (readonly [pattern: RegExp, minor: number])[] = [
  [/x-kubernetes-validations:/, 25],
  [/unhealthyPodEvictionPolicy:/, 27],
  [/kind: ValidatingAdmissionPolicy$/m, 30],
  [/preStop:\s+sleep:/, 30],
];

/** Installed only when asked for, or not by us at all: what asks for it is named in docs/install.md. */
const OPTIONAL: Readonly<Record<string, string>> = {
  'deploy/components/readiness-gates/admission-policy.yaml': 'deploy/components/readiness-gates',
  [`${CHART}/templates/readiness-gates.yaml`]: 'readinessGates.enabled',
  'deploy/components/webhook/deployment.yaml': 'deploy/components/webhook',
  'deploy/components/webhook/label-policy.yaml': 'deploy/components/webhook',
  [`${CHART}/templates/webhook.yaml`]: 'webhook.enabled',
  'deploy/policies/grants.yaml': 'deploy/policies',
  'deploy/policies/granted-groups.yaml': 'deploy/policies',
  'deploy/policies/exclusive.yaml': 'deploy/policies',
  'deploy/samples/web.yaml': 'deploy/samples/web.yaml',
};

const files = ['crds', 'deploy'].flatMap(filesIn).filter((file) => file.endsWith('.yaml'));
const neededBy = (file: string) =>
  Math.max(0, ...FEATURES.filter(([pattern]) => pattern.test(read(file))).map(([, minor]) => minor));

const install = read('docs/install.md');
const rows = [...install.matchAll(/^\| (.+) \| 1\.(\d+) \| .+ \|$/gm)].map(([, what = '', minor]) => ({
  what,
  minor: Number(minor),
}));
const [least = { what: '', minor: 0 }, ...more] = rows;

describe('the oldest Kubernetes', () => {
  test('that docs/install.md names is what the base needs, and no less', () => {
    const needed = files.filter((file) => !(file in OPTIONAL)).map(neededBy);
    expect(Math.max(...needed)).toBe(least.minor);
  });

  test('is the same in the chart and the README', () => {
    expect(parse(read(`${CHART}/Chart.yaml`)).kubeVersion).toBe(`>=1.${least.minor}.0-0`);
    expect(read('README.md')).toContain(`Needed is Kubernetes 1.${least.minor}`);
  });

  test.each(Object.entries(OPTIONAL))('for %s stands with it', (file, name) => {
    const [row, ...others] = more.filter(({ what }) => what.includes(`\`${name}\``));
    expect(others).toEqual([]);
    expect(neededBy(file)).toBe(row?.minor);
  });

  test.each(['readiness-gates', 'webhook'])('for %s is what the chart asks for', (template) => {
    const file = `${CHART}/templates/${template}.yaml`;
    const [, asked] = /semverCompare "<1\.(\d+)\.0-0"/.exec(read(file))!;
    expect(Number(asked)).toBe(neededBy(file));
  });
});

test('the tested Kubernetes is the one that the tests run on', () => {
  const [, minor] = /k8s\.io\/kubernetes v1\.(\d+)\./.exec(
    read('lab/control-plane/go/control-plane/go.mod'),
  )!;
  expect(install).toContain(`Tested is Kubernetes 1.${minor}, and no other version`);
  expect(read('README.md')).toContain(`tested is 1.${minor}`);
});

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(join(ROOT, path)).isDirectory() ? filesIn(path) : [path];
  });
}
