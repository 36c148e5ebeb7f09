import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HELM_MAJORS, type HelmMajor } from '../control-plane/build/versions.ts';

/** What `make compat` saw last. */
export interface CompatibilityRecord {
  /** One for each version, oldest first. */
  readonly runs: readonly VersionRun[];
}

/** One version of Kubernetes: what was run on it, or why nothing was. */
export interface VersionRun {
  /** Such as 1.30. */
  readonly minor: string;
  /** Day, such as 2026-11-29. */
  readonly date: string;
  /** Such as v1.30.14: what the API server told, or the module asked for. */
  readonly version: string;
  /** Why nothing was run. */
  readonly notRun?: string;
  /** Such as v4.2.4. */
  readonly helm: Readonly<Partial<Record<HelmMajor, string>>>;
  /** Feature gate → `on, beta`, as the API server told; none where it has no such gate any more. */
  readonly features: Readonly<Record<string, string>>;
  readonly outcomes: readonly SuiteOutcome[];
}

/** Tests of one file. */
export interface SuiteOutcome {
  /** As Suite.file. */
  readonly file: string;
  /** For a suite that is run with each of them. */
  readonly helm?: HelmMajor;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const FILE = join(import.meta.dirname, '../../bench/compatibility.json');

export function readRecord(): CompatibilityRecord {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { runs: [] };
}

export function writeRecord(record: CompatibilityRecord): void {
  writeFileSync(FILE, `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * `run` takes the place of the last one of its version; what it left out stays where that was of the same day and the same
 * programs. `minors` are all versions there are, in order.
 */
export function recorded(
  { runs }: CompatibilityRecord,
  run: VersionRun,
  minors: readonly string[],
): CompatibilityRecord {
  const last = runs.find(({ minor }) => minor === run.minor);
  const newest = [last !== undefined && areOfOneKind(last, run) ? joined(last, run) : run, ...runs];
  return { runs: minors.flatMap((minor) => newest.find((one) => one.minor === minor) ?? []) };
}

function areOfOneKind(one: VersionRun, other: VersionRun): boolean {
  const kindOf = ({ date, version, notRun }: VersionRun) => `${date} ${version} ${notRun}`;
  const sameHelm = HELM_MAJORS.every(
    (major) => (one.helm[major] ?? other.helm[major]) === (other.helm[major] ?? one.helm[major]),
  );
  return kindOf(one) === kindOf(other) && sameHelm;
}

function joined(last: VersionRun, run: VersionRun): VersionRun {
  const again = ({ file, helm }: SuiteOutcome) =>
    run.outcomes.some((outcome) => outcome.file === file && outcome.helm === helm);
  const outcomes = [...last.outcomes.filter((outcome) => !again(outcome)), ...run.outcomes];
  return { ...run, helm: { ...last.helm, ...run.helm }, outcomes };
}
