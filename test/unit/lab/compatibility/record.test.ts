import { expect, test } from '@jest/globals';
import { recorded, type VersionRun } from '../../../../lab/compatibility/record.ts';

const MINORS = ['1.30', '1.33', '1.36'];
const failed = { file: 'deploy/manifests', passed: 13, failed: 1, skipped: 0 };
const chart = { file: 'deploy/helm', helm: '4', passed: 39, failed: 0, skipped: 0 } as const;
const run: VersionRun = {
  minor: '1.30',
  date: '2026-01-02',
  version: 'v1.30.14',
  helm: { 4: 'v4.2.4' },
  features: {},
  outcomes: [failed, chart],
};
const other: VersionRun = { ...run, minor: '1.36', version: 'v1.36.3' };
const passed = { ...failed, passed: 14, failed: 0 };
const part: VersionRun = { ...run, outcomes: [passed] };

test('versions stand in their order, and one that there is no longer is dropped', () => {
  expect(recorded({ runs: [other] }, run, MINORS).runs).toEqual([run, other]);
  expect(recorded({ runs: [run] }, other, ['1.36']).runs).toEqual([other]);
});

test('a part that is run again on the same day stands beside the rest of that day', () => {
  expect(recorded({ runs: [run, other] }, part, MINORS).runs).toEqual([
    { ...run, outcomes: [chart, passed] },
    other,
  ]);
});

test('the chart with another Helm stands beside the chart with the first', () => {
  const helm3 = { ...chart, helm: '3' } as const;
  const withHelm3: VersionRun = { ...run, helm: { 3: 'v3.22.0' }, outcomes: [helm3] };
  const [joined] = recorded({ runs: [run] }, withHelm3, MINORS).runs;
  expect(joined).toMatchObject({ helm: { 3: 'v3.22.0', 4: 'v4.2.4' }, outcomes: [failed, chart, helm3] });
});

test.each<[string, Partial<VersionRun>]>([
  ['day', { date: '2026-02-03' }],
  ['Kubernetes', { version: 'v1.30.15' }],
  ['Helm', { helm: { 4: 'v4.3.0' } }],
])('nothing is kept of another %s', (_, change) => {
  const later = { ...part, ...change };
  expect(recorded({ runs: [run] }, later, MINORS).runs).toEqual([later]);
});
