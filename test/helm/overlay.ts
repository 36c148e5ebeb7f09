import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { DeployTools } from './tools.ts';

const DEPLOY = resolve(import.meta.dirname, '../../deploy');

export interface OverlayOptions {
  /** Folders in deploy/. */
  readonly components?: readonly string[];
  /** Environment variables of the operator; they override those of the base. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further fields of the kustomization. */
  readonly fields?: object;
}

/** Writes a kustomize overlay of deploy/base, as users do. Returns its folder. */
export async function createOverlay(
  tools: DeployTools,
  name: string,
  { components = [], settings = {}, fields = {} }: OverlayOptions = {},
): Promise<string> {
  const folder = join(tools.dir, name);
  await mkdir(folder);
  const path = (target: string) => relative(folder, join(DEPLOY, target));
  const literals = Object.entries({ VSGB_REGION: 'cn-hangzhou', ...settings }).map((one) => one.join('='));
  const generator = { name: 'vservergroup-operator-config', namespace: 'vservergroup-operator', literals };
  const content = {
    resources: [path('base')],
    components: components.map(path),
    images: [{ name: 'vservergroup-operator', newName: 'registry.example.com/vservergroup-operator' }],
    configMapGenerator: [{ ...generator, behavior: 'merge' }],
    ...fields,
  };
  await writeFile(join(folder, 'kustomization.yaml'), JSON.stringify(content));
  return folder;
}
