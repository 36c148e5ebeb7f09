import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from './kube-api.ts';

export interface Manifest {
  readonly object: KubeObject;
  readonly file: string;
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly namespace?: string;
  readonly configMapGenerator?: readonly ConfigMapGenerator[];
}

interface ConfigMapGenerator {
  readonly name: string;
  readonly namespace?: string;
  /** Each of the form `key=value`. */
  readonly literals: readonly string[];
  readonly options?: { readonly labels?: Readonly<Record<string, string>> };
}

const KUSTOMIZATION = 'kustomization.yaml';
const UNDERSTOOD = ['apiVersion', 'kind', 'metadata', 'resources', 'namespace', 'configMapGenerator'];

/** The objects of one YAML file, which may have any number of documents. */
export async function readManifests(file: string): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const document of parseAllDocuments(await readFile(file, 'utf8'))) {
    const [error] = document.errors;
    if (error) throw new Error(`${file}: ${error.message}`);
    const object: unknown = document.toJS();
    if (object === null || object === undefined) continue;
    if (!isKubeObject(object)) {
      throw new Error(
        `${file}: a document is no Kubernetes object: it lacks apiVersion, kind or metadata.name`,
      );
    }
    manifests.push({ object, file });
  }
  return manifests;
}

/**
 * The objects that the folder's kustomization.yaml lists, including those in other folders; without that file, the objects of all
 * YAML files in the folder. A generated ConfigMap has the name by which others refer to it, without the hash that kustomize adds.
 */
export async function readFolder(folder: string): Promise<Manifest[]> {
  const entries = (await readdir(folder)).sort();
  if (!entries.includes(KUSTOMIZATION)) {
    const files = entries.filter((entry) => /\.ya?ml$/.test(entry));
    return (await Promise.all(files.map((entry) => readManifests(join(folder, entry))))).flat();
  }
  const file = join(folder, KUSTOMIZATION);
  const { resources = [], namespace, configMapGenerator = [] } = await readKustomization(file);
  const listed = (await Promise.all(resources.map((path) => readPath(join(folder, path))))).flat();
  const manifests = [...listed, ...configMapGenerator.map((one) => ({ file, object: configMapOf(one) }))];
  return namespace === undefined ? manifests : manifests.map((manifest) => moveTo(namespace, manifest));
}

/**
 * Moves an object into a namespace the way kustomize does: a Namespace itself takes the name, and role bindings follow the
 * ServiceAccounts they name. Whether the object's kind is namespaced is decided when it is applied.
 */
export function moveTo(namespace: string, { object, file }: Manifest): Manifest {
  if (object.kind === 'Namespace') {
    return { file, object: { ...object, metadata: { ...object.metadata, name: namespace } } };
  }
  const moved = { ...object, metadata: { ...object.metadata, namespace } };
  if ('subjects' in moved && Array.isArray(moved.subjects)) {
    moved.subjects = moved.subjects.map((subject) =>
      subject.kind === 'ServiceAccount' ? { ...subject, namespace } : subject,
    );
  }
  return { file, object: moved };
}

async function readPath(path: string): Promise<Manifest[]> {
  return (await stat(path)).isDirectory() ? await readFolder(path) : await readManifests(path);
}

async function readKustomization(file: string): Promise<Kustomization> {
  const [document] = parseAllDocuments(await readFile(file, 'utf8'));
  const content = (document?.toJS() ?? {}) as Record<string, unknown>;
  const stranger = Object.keys(content).find((key) => !UNDERSTOOD.includes(key));
  if (stranger !== undefined) {
    throw new Error(`${file} uses "${stranger}"; here only ${UNDERSTOOD.join(', ')} are understood`);
  }
  return content;
}

interface ConfigMap extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
}

function configMapOf({ name, namespace, literals, options }: ConfigMapGenerator): ConfigMap {
  const entries = literals.map((literal) => {
    const [key = '', ...value] = literal.split('=');
    return [key, value.join('=')] as const;
  });
  const metadata = { name, ...(namespace !== undefined && { namespace }), ...options };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(entries) };
}

function isKubeObject(value: unknown): value is KubeObject {
  const { apiVersion, kind, metadata } = value as Partial<KubeObject>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata?.name === 'string';
}
