import { describeFlags } from '../../src/config/help.ts';
import { row, table } from './table.ts';

export function flagsPage(): string {
  const sections = describeFlags().map(({ title, flags }) => {
    const rows = flags.map(({ flag, placeholder, environment, fallback, help }) =>
      row(
        `\`${flag}${placeholder === '' ? '' : ` ${placeholder}`}\``,
        `\`${environment}\``,
        `${help} (${fallback})`,
      ),
    );
    return `## ${title}\n\n${table(['flag', 'variable', 'meaning'], rows)}`;
  });
  return `# Flags

Each flag can also be given as an environment variable; the flag wins. A flag, variable or value that is not known ends the
operator with exit code 2 and one sentence. Switches take \`--flag\`, \`--no-flag\` and \`--flag=true|false\`. Credentials are
never flags: see \`--help\`.

${sections.join('\n\n')}
`;
}
