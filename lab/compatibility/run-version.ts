import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  COMPONENTS,
  locateBinaries,
  locateDeployTools,
  locateKubectl,
} from '../control-plane/build/build.ts';
import { type HelmMajor, helmVersion, type KubernetesVersion } from '../control-plane/build/versions.ts';
import { startControlPlane } from '../control-plane/control-plane.ts';
import { featureGates } from './feature-gates.ts';
import type { SuiteOutcome, VersionRun } from './record.ts';
import { runSuites } from './run-suites.ts';
import { FEATURES, type Suite } from './suites.ts';

const METRICS_BYTES = 64 << 20;

/** What to run for a version. */
export interface Selection {
  readonly suites: readonly Suite[];
  /** A suite that does not ask for each Helm is run with the last one. */
  readonly helm: readonly HelmMajor[];
}

/** Builds what is missing, and runs the suites. */
export async function runVersion(
  { minor, version }: KubernetesVersion,
  { suites, helm }: Selection,
): Promise<VersionRun> {
  const date = new Date().toISOString().slice(0, 10);
  const run = { minor, version, date, helm: {}, features: {}, outcomes: [] };
  let seen: Pick<VersionRun, 'version' | 'features'>;
  try {
    await buildPrograms(minor, helm);
    seen = await whatItTells(minor);
  } catch (error) {
    console.error(error);
    return { ...run, notRun: 'its programs could not be built or did not start' };
  }
  const outcomes: SuiteOutcome[] = [];
  for (const major of helm) {
    const isLast = major === helm.at(-1);
    outcomes.push(
      ...(await runSuites(
        suites.filter(({ withHelm }) => withHelm || isLast),
        major,
      )),
    );
  }
  const helmVersions = Object.fromEntries(
    await Promise.all(helm.map(async (major) => [major, await helmVersion(major)])),
  );
  return { ...run, ...seen, helm: helmVersions, outcomes };
}

/** Control planes, kubectl and tests started from now on use this version. */
export async function buildPrograms(minor: string, helm: readonly HelmMajor[]): Promise<void> {
  process.env['E2E_KUBERNETES'] = minor;
  await locateBinaries(COMPONENTS);
  await locateKubectl();
  for (const major of helm) {
    process.env['E2E_HELM'] = major;
    await locateDeployTools();
  }
}

/** Throws if the programs, for example those of KUBEBUILDER_ASSETS, are of another version. */
async function whatItTells(minor: string): Promise<Pick<VersionRun, 'version' | 'features'>> {
  await using plane = await startControlPlane({ controllerManager: false, scheduler: false, kwok: false });
  const kubectl = await locateKubectl();
  const raw = async (path: string) => {
    const args = ['--kubeconfig', plane.kubeconfig, 'get', '--raw', path];
    return (await promisify(execFile)(kubectl, args, { maxBuffer: METRICS_BYTES })).stdout;
  };
  const { gitVersion }: { gitVersion: string } = JSON.parse(await raw('/version'));
  if (!gitVersion.startsWith(`v${minor}.`)) throw new Error(`the API server is ${gitVersion}, not ${minor}`);
  return { version: gitVersion, features: featureGates(await raw('/metrics'), Object.keys(FEATURES)) };
}
