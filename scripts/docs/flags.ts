import { describeFlags } from '../../src/config/help.ts';
import { row, table } from './table.ts';

/** Defaults that the page states only once: switches are off, other flags are unset. */
const NOT_SHOWN: ReadonlySet<string> = new Set(['default: false', 'default: none']);

export function flagsPage(): string {
  const sections = describeFlags().map(({ title, flags }) => {
    const rows = flags.map(({ flag, placeholder, environment, fallback, help }) =>
      row(
        `\`${flag}${placeholder === '' ? '' : ` ${placeholder}`}\`<br>\`${environment}\``,
        NOT_SHOWN.has(fallback) ? help : `${help} (${fallback})`,
      ),
    );
    return `## ${title}\n\n${table(['flag', 'meaning'], rows)}`;
  });
  return `# Flags

Each flag can also be set by the environment variable below it; the flag wins. On an unknown flag, variable or value the operator
exits with code 2 and one sentence. Switches take \`--flag\`, \`--no-flag\` and \`--flag=true|false\`. Without a default, switches
are off and other flags unset. Credentials are never flags: see \`--help\`.

${sections.join('\n\n')}
`;
}
