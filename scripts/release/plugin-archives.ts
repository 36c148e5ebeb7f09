/** Named as in krew and Go: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ */
export interface Machine {
  readonly os: string;
  readonly arch: string;
}

export const PROGRAM = 'kubectl-vsgb';

/** The platforms for which a release has the plugin; on others, dist/kubectl-vsgb.js runs on an installed Node. */
export const MACHINES: readonly Machine[] = ['linux', 'darwin'].flatMap((os) =>
  ['amd64', 'arm64'].map((arch) => ({ os, arch })),
);

export function archiveName(version: string, { os, arch }: Machine): string {
  return `${PROGRAM}_v${version}_${os}_${arch}.tar.gz`;
}
