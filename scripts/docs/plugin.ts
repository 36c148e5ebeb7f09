import { commandHelp } from '../../src/plugin/help.ts';
import { commands } from '../../src/plugin/run.ts';
import { row, table } from './table.ts';

export function pluginPage(): string {
  const rows = commands.map(({ name, summary }) => row(`[\`${name}\`](#${name})`, summary));
  const sections = commands.map(
    (command) => `## ${command.name}\n\n\`\`\`\n${commandHelp(command).trim()}\n\`\`\``,
  );
  return `# kubectl vsgb

\`npm run build\` makes \`dist/kubectl-vsgb.js\`, one file that needs nothing but Node. Put it on PATH under the name
\`kubectl-vsgb\`, and kubectl knows it as \`kubectl vsgb\`.

${table(['command', 'what it does'], rows)}

Answers go to standard output, what is told meanwhile to standard error; \`--output json|yaml\` for programs. Colours are for
terminals only, and \`NO_COLOR\` is honoured. A flag that the operator has too means the same and can also be given as the
operator's variable (\`VSGB_REGION\` for \`--region\`), with one exception: \`--endpoint-network\` is \`public\` unless said
otherwise, for the plugin mostly runs outside of the VPC.

${sections.join('\n\n')}
`;
}
