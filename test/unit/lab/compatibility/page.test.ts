import { expect, test } from '@jest/globals';
import { compatibilityPage } from '../../../../lab/compatibility/page.ts';
import type { VersionRun } from '../../../../lab/compatibility/record.ts';

const run: VersionRun = {
  minor: '1.30',
  date: '2026-01-02',
  version: 'v1.30.14',
  helm: { 3: 'v3.22.0', 4: 'v4.2.4' },
  features: { PodLifecycleSleepAction: 'on, beta' },
  outcomes: [
    { file: 'deploy/manifests', passed: 14, failed: 0, skipped: 0 },
    { file: 'deploy/helm', helm: '3', passed: 39, failed: 1, skipped: 0 },
    { file: 'deploy/helm', helm: '4', passed: 39, failed: 0, skipped: 1 },
  ],
};
const unbuilt: VersionRun = {
  ...run,
  minor: '1.33',
  version: 'v1.33.13',
  notRun: 'it could not be built',
  helm: {},
  features: {},
  outcomes: [],
};

const rowOf = (start: string) =>
  compatibilityPage({ runs: [run, unbuilt] }, ['1.30', '1.33', '1.36'])
    .split('\n')
    .find((line) => line.startsWith(`| ${start}`));

test('each version is a column with its day, its version and each Helm', () => {
  expect(rowOf('End-to-end')).toBe(
    '| End-to-end tests | Kubernetes 1.30 | Kubernetes 1.33 | Kubernetes 1.36 |',
  );
  expect(rowOf('Run')).toContain('| 2026-01-02, v1.30.14 |');
  expect(rowOf('Helm')).toBe('| Helm | v3.22.0 and v4.2.4 | – | – |');
});

test('a version that could not be built, or was never run, says so and has no results', () => {
  expect(rowOf('Run')).toMatch(/ \| 2026-01-02, v1\.33\.13: not run, it could not be built \| – \|$/);
  expect(rowOf('[Manifests]')).toMatch(/ \| 14 \| – \| – \|$/);
  expect(rowOf('`PodLifecycleSleepAction`')).toMatch(/ \| on, beta \| – \| – \|$/);
});

test('what failed and what was skipped is shown for each Helm, what was not run too', () => {
  expect(rowOf('[Chart](../test/e2e/deploy/helm.test.ts), Helm 3')).toContain('| 39, **1 failed** |');
  expect(rowOf('[Chart](../test/e2e/deploy/helm.test.ts), Helm 4')).toContain('| 39, 1 skipped |');
  expect(rowOf('[Leaving]')).toContain('| – |');
});

test('a gate that an API server no longer lists is always on', () => {
  expect(rowOf('`ValidatingAdmissionPolicy`')).toContain('| always on | – |');
});
