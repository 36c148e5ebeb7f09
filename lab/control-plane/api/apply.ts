import { waitUntil } from '../../time/wait-until.ts';
import { Discovery } from './discovery.ts';
import { type KubeApi, KubeApiError, type KubeObject } from './kube-api.ts';
import { type Manifest, moveTo, readFolder, readManifests } from './manifest.ts';

export interface ApplyOptions {
  readonly fieldManager?: string;
  /** For objects of a namespaced kind that do not name a namespace. Default: "default". */
  readonly namespace?: string;
}

export interface ApplyFolderOptions {
  readonly fieldManager?: string;
  /** Replaces the namespaces named in the folder, for every object. */
  readonly namespace?: string;
}

const CRD = 'CustomResourceDefinition';
/** Kinds that other objects need come first; everything else keeps its order. */
const FIRST = ['Namespace', CRD];
const ESTABLISHED_WITHIN_MS = 30_000;

/** Applies all documents of the files server-side; returns the objects as the API server holds them. */
export async function applyFiles(
  api: KubeApi,
  files: readonly string[],
  options: ApplyOptions = {},
): Promise<KubeObject[]> {
  return await applyManifests(api, (await Promise.all(files.map(readManifests))).flat(), options);
}

/** Does the same for a folder: applies what its kustomization.yaml lists (see readFolder). */
export async function applyFolder(
  api: KubeApi,
  folder: string,
  { fieldManager, namespace }: ApplyFolderOptions = {},
): Promise<KubeObject[]> {
  const found = await readFolder(folder);
  const manifests = namespace === undefined ? found : found.map((manifest) => moveTo(namespace, manifest));
  return await applyManifests(api, manifests, fieldManager === undefined ? {} : { fieldManager });
}

/** Does the same for objects in memory. */
export async function applyObjects(
  api: KubeApi,
  objects: readonly KubeObject[],
  options: ApplyOptions = {},
): Promise<KubeObject[]> {
  return await applyManifests(
    api,
    objects.map((object) => ({ object, file: 'an object of the caller' })),
    options,
  );
}

async function applyManifests(
  api: KubeApi,
  manifests: readonly Manifest[],
  options: ApplyOptions,
): Promise<KubeObject[]> {
  const discovery = new Discovery(api);
  const applied: KubeObject[] = [];
  for (const manifest of manifests.toSorted((a, b) => rank(a) - rank(b))) {
    applied.push(await applyOne(api, discovery, manifest, options));
  }
  return applied;
}

function rank({ object }: Manifest): number {
  const index = FIRST.indexOf(object.kind ?? '');
  return index < 0 ? FIRST.length : index;
}

async function applyOne(
  api: KubeApi,
  discovery: Discovery,
  { object, file }: Manifest,
  { fieldManager, namespace = 'default' }: ApplyOptions,
): Promise<KubeObject> {
  try {
    const path = await discovery.pathOf(object, namespace);
    const placed = await place(discovery, object, namespace);
    const applied = await api.apply(path, placed, fieldManager);
    if (object.kind === CRD) await untilEstablished(api, path);
    return applied;
  } catch (error) {
    const reason = error instanceof KubeApiError ? error.explanation : String(error);
    const status = error instanceof KubeApiError ? `${error.status} ` : '';
    throw new Error(`${file}: ${object.kind} ${object.metadata.name} was not applied: ${status}${reason}`, {
      cause: error,
    });
  }
}

/** The API server rejects a namespace in a cluster-scoped object, and one in the path that the object does not have. */
async function place(discovery: Discovery, object: KubeObject, namespace: string): Promise<KubeObject> {
  const { namespace: own = namespace, ...metadata } = object.metadata;
  const isNamespaced = await discovery.isNamespaced(object);
  return { ...object, metadata: isNamespaced ? { ...metadata, namespace: own } : metadata };
}

interface CustomResourceDefinition extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function untilEstablished(api: KubeApi, path: string): Promise<void> {
  const isEstablished = async () => {
    const { status } = await api.get<CustomResourceDefinition>(path);
    return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  };
  await waitUntil(`${path} to be Established`, isEstablished, { timeoutMs: ESTABLISHED_WITHIN_MS });
}
