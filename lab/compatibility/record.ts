import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HELM_MAJORS, type HelmMajor } from '../control-plane/build/versions.ts';

/** The latest results of `make compat`. */
export interface CompatibilityRecord {
  /** One for each version, oldest first. */
  readonly runs: readonly VersionRun[];
}

/** One version of Kubernetes: what was run on it, or why nothing was run. */
export interface VersionRun {
  /** For example 1.30. */
  readonly minor: string;
  /** The day, for example 2026-11-29. */
  readonly date: string;
  /** For example v1.30.14: the version that the API server reported or, if nothing was run, that the module requires. */
  readonly version: string;
  /** Why nothing was run. */
  readonly notRun?: string;
  /** For example v4.2.4. */
  readonly helm: Readonly<Partial<Record<HelmMajor, string>>>;
  /** Feature gate → `on, beta`, as reported by the API server; a gate that no longer exists is left out. */
  readonly features: Readonly<Record<string, string>>;
  readonly outcomes: readonly SuiteOutcome[];
}

/** The test counts of one file. */
export interface SuiteOutcome {
  /** Same as Suite.file. */
  readonly file: string;
  /** Set for a suite that is run with each major of Helm. */
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
 * Replaces the last run of the version with `run`. If both are of the same day and the same programs, suites missing from `run`
 * keep their last outcome. `minors` lists all versions, in order.
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
