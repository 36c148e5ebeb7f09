import { row, table } from '../docs/table.ts';
import type { Value } from './values.ts';

/** The README of the chart, which Artifact Hub shows. `install`: the text of docs/install.md, which contains the commands. */
export function chartReadme(values: readonly Value[], install: string): string {
  const rows = values.map(({ path, fallback, description }) =>
    row(`\`${path.join('.')}\``, `\`${JSON.stringify(fallback)}\``, description),
  );
  return `<!-- Made by \`npm run generate\` from values.yaml. -->

# Helm chart of the VServerGroup operator

Keeps the backends of Alibaba Cloud SLB (CLB) vServer groups equal to a Kubernetes cluster: [README](../../../README.md).

From the root of a clone; \`$REGISTRY\` is the registry that you pushed the image to:

\`\`\`sh
${installCommand(install)}
\`\`\`

[docs/install.md](../../../docs/install.md) has what comes before and after it: the rights in the cloud, credentials, a proxy,
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
