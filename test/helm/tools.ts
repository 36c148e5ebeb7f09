import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../lab/control-plane/api/kube-api.ts';
import { locateDeployTools } from '../../lab/control-plane/build/build.ts';

export const CHART = resolve(import.meta.dirname, '../../deploy/helm/vservergroup-operator');

export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  readonly errors: string;
}

/** Helm and kustomize, isolated from the machine's own configuration of them. */
export class DeployTools {
  readonly dir: string;
  readonly #helm: string;
  readonly #kustomize: string;
  #files = 0;

  private constructor(dir: string, helm: string, kustomize: string) {
    this.dir = dir;
    this.#helm = helm;
    this.#kustomize = kustomize;
  }

  static async find(): Promise<DeployTools> {
    const { helm, kustomize } = await locateDeployTools();
    return new DeployTools(await mkdtemp(join(tmpdir(), 'helm-')), helm, kustomize);
  }

  async helm(args: readonly string[], kubeconfig = join(this.dir, 'none')): Promise<Outcome> {
    const homes = Object.fromEntries(
      ['CACHE', 'CONFIG', 'DATA'].map((kind) => [`HELM_${kind}_HOME`, join(this.dir, kind.toLowerCase())]),
    );
    return await run(this.#helm, args, { ...homes, KUBECONFIG: kubeconfig });
  }

  async valuesFile(values: object): Promise<string> {
    const file = join(this.dir, `values-${++this.#files}.json`);
    await writeFile(file, JSON.stringify(values));
    return file;
  }

  /** The objects that `helm template` renders from the chart. */
  async template(values: object, release: string, namespace: string): Promise<KubeObject[]> {
    const args = [
      'template',
      release,
      CHART,
      '--namespace',
      namespace,
      '--values',
      await this.valuesFile(values),
    ];
    return objectsIn(succeeded(await this.helm(args)));
  }

  async kustomize(folder: string): Promise<KubeObject[]> {
    return objectsIn(succeeded(await run(this.#kustomize, ['build', folder], {})));
  }

  async close(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function succeeded({ ok, output, errors }: Outcome): string {
  if (!ok) throw new Error(errors || output);
  return output;
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, args, options, (error, output, errors) => {
      resolve({ ok: error === null, output, errors: errors || (error?.message ?? '') });
    });
  });
}

/** Reads YAML as kubectl and Helm do: 0440 is an octal number. */
function objectsIn(text: string): KubeObject[] {
  return parseAllDocuments(text, { version: '1.1' }).flatMap((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`${error.message} in:\n${text}`);
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
}
