import { row, table } from '../docs/table.ts';
import type { Value } from './values.ts';

/** A chart in a registry. */
export interface Released {
  /** `oci://…` */
  readonly address: string;
  readonly version: string;
}

/**
 * The README of the chart, which Artifact Hub shows. `install`: the text of docs/install.md, which contains the commands.
 * `released`: unless the chart is that of a clone, where the other pages are.
 */
export function chartReadme(values: readonly Value[], install: string, released?: Released): string {
  const rows = values.map(({ path, fallback, description }) =>
    row(`\`${path.join('.')}\``, `\`${JSON.stringify(fallback)}\``, description),
  );
  const command = installCommand(install);
  const { more, where, commands, guide } = released
    ? {
        more: '',
        where: 'With your region, VPC and role:',
        commands: fromRegistry(command, released),
        guide: '`docs/install.md` in the repository',
      }
    : {
        more: ': [README](../../../README.md)',
        where: 'From the root of a clone; `$REGISTRY` is the registry that you pushed the image to:',
        commands: command,
        guide: '[docs/install.md](../../../docs/install.md)',
      };
  return `<!-- Made by \`npm run generate\` from values.yaml. -->

# Helm chart of the VServerGroup operator

Keeps the backends of Alibaba Cloud SLB (CLB) vServer groups equal to a Kubernetes cluster${more}.

${where}

\`\`\`sh
${commands}
\`\`\`

${guide} has what comes before and after it: the rights in the cloud, credentials, a proxy,
upgrade, rollback and uninstallation.

## Values

A value that is wrong or not known is refused before anything is installed.

${table(['value', 'default', 'meaning'], rows)}
`;
}

function installCommand(install: string): string {
  const [command] = /^helm install (?:.*\\\n)*.*$/m.exec(install) ?? [];
  if (command === undefined) throw new Error('docs/install.md has no command "helm install"');
  return command;
}

/** The same with a released chart, which knows its image. */
function fromRegistry(command: string, { address, version }: Released): string {
  return command
    .replace('deploy/helm/vservergroup-operator', `${address} --version ${version}`)
    .replace(/ *--set image\.repository=\S+ \\\n/, '');
}
