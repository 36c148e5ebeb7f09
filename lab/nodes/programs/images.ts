import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Serves HTTP; its environment and the requested paths define what it does and when: see go/test-server/main.go. */
export const TEST_SERVER_IMAGE = 'images.invalid/test-server:1';
/** Holds a pod's namespaces. */
export const PAUSE_IMAGE = 'images.invalid/pause:1';

const SUBCOMMANDS = { [TEST_SERVER_IMAGE]: 'serve', [PAUSE_IMAGE]: 'pause' };

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes both images into one archive, in the format of the image layout specification
 * (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). They share one layer, which contains the single static
 * program.
 */
export async function writeImages(program: string, archive: string): Promise<void> {
  const layout = await mkdtemp(join(dirname(archive), 'layout-'));
  try {
    await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
    const layer = await addBlob(layout, await layerOf(program), 'layer.v1.tar');
    const manifests = [];
    for (const [name, subcommand] of Object.entries(SUBCOMMANDS)) {
      const manifest = await addManifest(layout, layer, [`/${basename(program)}`, subcommand]);
      manifests.push({ ...manifest, annotations: { 'io.containerd.image.name': name } });
    }
    await writeJson(join(layout, 'oci-layout'), { imageLayoutVersion: '1.0.0' });
    await writeJson(join(layout, 'index.json'), { schemaVersion: 2, manifests });
    await tar(layout, archive, ['oci-layout', 'index.json', 'blobs']);
  } finally {
    await rm(layout, { recursive: true });
  }
}

async function addManifest(
  layout: string,
  layer: Descriptor,
  entrypoint: readonly string[],
): Promise<Descriptor> {
  const config = {
    os: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    config: { Entrypoint: entrypoint },
    // The layer is not compressed, so its digest is that of its content.
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaType('manifest.v1+json'),
    config: await addBlob(layout, Buffer.from(JSON.stringify(config)), 'config.v1+json'),
    layers: [layer],
  };
  return await addBlob(layout, Buffer.from(JSON.stringify(manifest)), 'manifest.v1+json');
}

async function addBlob(layout: string, content: Buffer, type: string): Promise<Descriptor> {
  const hash = createHash('sha256').update(content).digest('hex');
  await writeFile(join(layout, 'blobs/sha256', hash), content);
  return { mediaType: mediaType(type), digest: `sha256:${hash}`, size: content.length };
}

async function layerOf(program: string): Promise<Buffer> {
  const root = await mkdtemp(join(dirname(program), 'root-'));
  const file = join(dirname(program), 'layer.tar');
  try {
    await copyFile(program, join(root, basename(program)));
    await tar(root, file, [basename(program)]);
    return await readFile(file);
  } finally {
    await Promise.all([root, file].map((path) => rm(path, { recursive: true, force: true })));
  }
}

/** The same content always gives the same bytes. */
async function tar(folder: string, archive: string, names: readonly string[]): Promise<void> {
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--mode=a+rX'];
  await promisify(execFile)('tar', [...same, '-C', folder, '-cf', archive, ...names]);
}

function mediaType(type: string): string {
  return `application/vnd.oci.image.${type}`;
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, JSON.stringify(value));
}
