import { commandHelp } from '../../src/plugin/help.ts';
import { commands } from '../../src/plugin/run.ts';
import { row, table } from './table.ts';

export function pluginPage(): string {
  const rows = commands.map(({ name, summary }) => row(`[\`${name}\`](#${name})`, summary));
  const sections = commands.map(
    (command) => `## ${command.name}\n\n\`\`\`\n${commandHelp(command).trim()}\n\`\`\``,
  );
  return `# kubectl vsgb

One file that needs nothing but Node 22.19 or newer. On PATH under the name \`kubectl-vsgb\`, kubectl knows it as
\`kubectl vsgb\`. The operator's image has it, of the operator's own version; podman takes the same commands. ☁ marks what
needs a container engine of yours.

\`\`\`sh
docker create --name vsgb registry.example.com/vservergroup-operator   # ☁
docker cp vsgb:/app/kubectl-vsgb.js /usr/local/bin/kubectl-vsgb        # ☁
docker rm vsgb                                                         # ☁
\`\`\`

From a clone: \`npm run build\` makes \`dist/kubectl-vsgb.js\`.

${table(['command', 'what it does'], rows)}

Answers go to standard output, what is told meanwhile to standard error; \`--output json|yaml\` for programs. Colours are for
terminals only, and \`NO_COLOR\` is honoured. A flag that the operator has too means the same and can also be given as the
operator's variable (\`VSGB_REGION\` for \`--region\`), with one exception: \`--endpoint-network\` is \`public\` unless said
otherwise, for the plugin mostly runs outside of the VPC.

${sections.join('\n\n')}
`;
}
