import { join } from 'node:path';
import { built, locateSupervise, type Progress, toStandardError } from '../../control-plane/build/build.ts';
import {
  cniPluginsArtifact,
  containerdArtifact,
  IMAGES_FILE,
  imagesArtifact,
  kubernetesNodeArtifact,
  logindArtifact,
  runcArtifact,
} from './artifacts.ts';

/** Paths of the programs that a real node runs. */
export interface NodePrograms {
  readonly supervise: string;
  /** kubelet and kube-proxy; the first argument selects which. */
  readonly kubernetesNode: string;
  readonly logind: string;
  /** Contains containerd, containerd-shim-runc-v2 and ctr. */
  readonly containerdFolder: string;
  readonly runc: string;
  readonly cniFolder: string;
  /** The images of the pods, as an archive (see images.ts). */
  readonly images: string;
}

/** Finds the programs and builds those that are missing, as locateBinaries does for the control plane. */
export async function locateNodePrograms(onProgress: Progress = toStandardError): Promise<NodePrograms> {
  const supervise = await locateSupervise(onProgress);
  return {
    supervise,
    kubernetesNode: join(
      await built(await kubernetesNodeArtifact(), onProgress, supervise),
      'kubernetes-node',
    ),
    containerdFolder: await built(await containerdArtifact(), onProgress, supervise),
    runc: join(await built(await runcArtifact(), onProgress, supervise), 'runc'),
    cniFolder: await built(await cniPluginsArtifact(), onProgress, supervise),
    logind: join(await built(await logindArtifact(), onProgress, supervise), 'logind'),
    images: join(await built(await imagesArtifact(), onProgress, supervise), IMAGES_FILE),
  };
}
