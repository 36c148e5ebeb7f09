// `npm run compat`: runs the end-to-end tests of suites.ts on each version of Kubernetes and with each Helm, and writes
// bench/compatibility.json and docs/compatibility.md. `--kubernetes 1.30[,1.33]`, `--helm 4` and `--suites deploy/helm[,…]` run a
// part: the rest of the page stays, but for these versions only results of the same day. `--build-only` builds what is missing and
// ends.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HELM_MAJORS, kubernetesVersions } from '../control-plane/build/versions.ts';
import { compatibilityPage } from './page.ts';
import { readRecord, recorded, type VersionRun, writeRecord } from './record.ts';
import { buildPrograms, runVersion } from './run-version.ts';
import { SUITES } from './suites.ts';

const PAGE = join(import.meta.dirname, '../../docs/compatibility.md');

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kubernetes: { type: 'string' },
      helm: { type: 'string' },
      suites: { type: 'string' },
      'build-only': { type: 'boolean', default: false },
    },
  });
  const all = await kubernetesVersions();
  const minors = all.map(({ minor }) => minor);
  const versions = pick('Kubernetes', values.kubernetes, all, ({ minor }) => minor);
  const helm = pick('Helm', values.helm, HELM_MAJORS, (major) => major);
  const suites = pick('suite', values.suites, SUITES, ({ file }) => file);
  if (versions === undefined || helm === undefined || suites === undefined) return 2;
  let failed = false;
  for (const version of versions) {
    if (values['build-only']) {
      await buildPrograms(version.minor, helm);
      continue;
    }
    const run = await runVersion(version, { suites, helm });
    // Written after each version, so that results survive if the run is cut short.
    const record = recorded(readRecord(), run, minors);
    writeRecord(record);
    writeFileSync(PAGE, compatibilityPage(record, minors));
    console.log(`Kubernetes ${run.version}: ${sentence(run)}`);
    failed ||= run.notRun !== undefined || run.outcomes.some((outcome) => outcome.failed > 0);
  }
  return failed ? 1 : 0;
}

/** The items whose names are in the list, or all items if there is no list. Reports an unknown name and returns undefined. */
function pick<T>(
  what: string,
  list: string | undefined,
  known: readonly T[],
  nameOf: (one: T) => string,
): readonly T[] | undefined {
  const names = known.map(nameOf);
  const wanted = list?.split(',') ?? names;
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length === 0) return known.filter((one) => wanted.includes(nameOf(one)));
  console.error(`No ${what} ${unknown.join(', ')}. There are ${names.join(', ')}`);
  return undefined;
}

function sentence({ notRun, outcomes }: VersionRun): string {
  if (notRun !== undefined) return `not run: ${notRun}`;
  const sum = (count: 'passed' | 'failed' | 'skipped') =>
    outcomes.reduce((total, outcome) => total + outcome[count], 0);
  return `${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
}
