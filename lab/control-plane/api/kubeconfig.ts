import { readFile, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';

export interface KubeconfigContent {
  readonly server: string;
  readonly caFile: string;
  readonly user: string;
  readonly token: string;
}

/** Writes a self-contained kubeconfig that only its owner can read. */
export async function writeKubeconfig(path: string, content: KubeconfigContent): Promise<void> {
  const { server, caFile, user, token } = content;
  const name = 'control-plane';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': await readFile(caFile, 'base64') } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user } }],
    'current-context': name,
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
}
