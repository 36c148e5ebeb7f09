import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { compatibilityPage } from '../../lab/compatibility/page.ts';
import { readRecord } from '../../lab/compatibility/record.ts';
import { kubernetesVersions } from '../../lab/control-plane/build/versions.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHART = 'deploy/helm/vservergroup-operator';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/**
 * Features of the Kubernetes API that are newer than the CRD's rules (1.25), and the first version with the feature enabled by
 * default: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
 */
const FEATURES: readonly (readonly [pattern: RegExp, minor: number])[] = [
  [/x-kubernetes-validations:/, 25],
  [/unhealthyPodEvictionPolicy:/, 27],
  [/kind: ValidatingAdmissionPolicy$/m, 30],
  [/preStop:\s+sleep:/, 30],
];

/** Installed only on request, or not by us at all; docs/install.md names what requires it. */
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
    expect(read('README.md')).toContain(`needs Kubernetes 1.${least.minor}`);
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

describe('the tested versions of Kubernetes', () => {
  const record = readRecord();
  const tested = record.runs.filter(({ notRun }) => notRun === undefined);

  test('are those that docs/install.md and the README name', () => {
    const minors = tested.map(({ minor }) => minor);
    const listed = new Intl.ListFormat('en-GB').format(minors);
    const sentence =
      minors.length === 1
        ? `Tested is Kubernetes ${listed}, and no other version`
        : `Tested are Kubernetes ${listed}`;
    expect(install).toContain(sentence);
    expect(read('README.md')).toContain(`tested ${minors.length === 1 ? 'is' : 'are'} ${listed}`);
  });

  test('failed none of the tests that were run, and have on what the manifests count on', () => {
    for (const { version, minor, outcomes, features } of tested) {
      expect(version).toMatch(new RegExp(`^v${minor}\\.`));
      expect(outcomes.length).toBeGreaterThan(0);
      expect(outcomes.filter(({ passed, failed }) => passed === 0 || failed > 0)).toEqual([]);
      expect(Object.values(features).filter((state) => !state.startsWith('on, '))).toEqual([]);
    }
  });

  test('have the chart, the newest among them, and none is older than the chart takes', async () => {
    const versions = (await kubernetesVersions()).map(({ minor }) => minor);
    expect(tested.at(-1)?.minor).toBe(versions.at(-1));
    for (const { minor, outcomes } of tested) {
      expect(outcomes.map(({ file }) => file)).toContain('deploy/helm');
      expect(Number(minor.slice('1.'.length))).toBeGreaterThanOrEqual(least.minor);
    }
  });

  test('stand in docs/compatibility.md as make compat wrote it', async () => {
    const minors = (await kubernetesVersions()).map(({ minor }) => minor);
    expect(read('docs/compatibility.md')).toBe(compatibilityPage(record, minors));
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(join(ROOT, path)).isDirectory() ? filesIn(path) : [path];
  });
}
