/** As krew and Go name them: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ */
export interface Machine {
  readonly os: string;
  readonly arch: string;
}

export const PROGRAM = 'kubectl-vsgb';

/** What a release has the plugin for; elsewhere there is dist/kubectl-vsgb.js for a Node of one's own. */
export const MACHINES: readonly Machine[] = ['linux', 'darwin'].flatMap((os) =>
  ['amd64', 'arm64'].map((arch) => ({ os, arch })),
);

export function archiveName(version: string, { os, arch }: Machine): string {
  return `${PROGRAM}_v${version}_${os}_${arch}.tar.gz`;
}
