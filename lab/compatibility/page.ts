import { HELM_MAJORS, type HelmMajor } from '../control-plane/build/versions.ts';
import { markdownTable } from '../report/tables.ts';
import type { CompatibilityRecord, SuiteOutcome, VersionRun } from './record.ts';
import { FEATURES, SUITES, type Suite } from './suites.ts';

const NOT_RUN = '–';

/** The whole of docs/compatibility.md. `minors` lists all versions, such as 1.30, in order. */
export function compatibilityPage({ runs: done }: CompatibilityRecord, minors: readonly string[]): string {
  const runs = minors.map((minor) => done.find((run) => run.minor === minor));
  const rows = SUITES.flatMap((suite) =>
    (suite.withHelm ? HELM_MAJORS : [undefined]).map((helm) => [
      title(suite, helm),
      ...runs.map((run) => cell(run, suite, helm)),
    ]),
  );
  const results = [
    ['End-to-end tests', ...minors.map((minor) => `Kubernetes ${minor}`)],
    ['Run', ...runs.map(whenRun)],
    ['Helm', ...runs.map(helmOf)],
    ...rows,
  ];
  const features = Object.entries(FEATURES).map(([gate, purpose]) => [
    `\`${gate}\``,
    purpose,
    ...runs.map((run) => stateOf(gate, run)),
  ]);
  return `# Compatibility

\`make compat\` writes this page. For each version it builds the control plane and kubectl from the Kubernetes sources and runs
end-to-end tests on them: the shipped bundle with the rights of its ServiceAccount, the SLB simulator, and nodes and pods that
[kwok](https://kwok.sigs.k8s.io) plays. The chart is installed with Helm ${HELM_MAJORS.join(' and ')}. A number is that of the tests that passed; – was
not run.

${markdownTable(results)}

Versions in between were not run. Kubelets are not part of this: tests on [real nodes](traffic.md) run on ${minors.at(-1)} alone.

## Feature gates

The defaults of each version, from its API server's \`kubernetes_feature_enabled\`:

${markdownTable([['Feature gate', 'Needed for', ...minors], ...features])}
`;
}

function whenRun(run: VersionRun | undefined): string {
  if (run === undefined) return NOT_RUN;
  const { date, version, notRun } = run;
  return `${date}, ${version}${notRun === undefined ? '' : `: not run, ${notRun}`}`;
}

function helmOf(run: VersionRun | undefined): string {
  const versions = HELM_MAJORS.flatMap((major) => run?.helm[major] ?? []);
  return versions.length === 0 ? NOT_RUN : versions.join(' and ');
}

function title({ subject, file }: Suite, helm: HelmMajor | undefined): string {
  return `[${subject}](../test/e2e/${file}.test.ts)${helm === undefined ? '' : `, Helm ${helm}`}`;
}

function cell(run: VersionRun | undefined, { file }: Suite, helm: HelmMajor | undefined): string {
  const outcome = run?.outcomes.find((one) => one.file === file && one.helm === helm);
  return outcome === undefined ? NOT_RUN : countsOf(outcome);
}

function countsOf({ passed, failed, skipped }: SuiteOutcome): string {
  return [
    `${passed}`,
    ...(failed > 0 ? [`**${failed} failed**`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(', ');
}

function stateOf(gate: string, run: VersionRun | undefined): string {
  if (run === undefined || run.notRun !== undefined) return NOT_RUN;
  return run.features[gate] ?? 'always on';
}
