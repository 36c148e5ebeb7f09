import type { Command } from '../../src/plugin/command.ts';
import { CLOUD, isOwn, KUBERNETES, nameOf, type PluginFlag } from '../../src/plugin/flags.ts';
import { flagHeader, flagMeaning, usageOf } from '../../src/plugin/help.ts';
import { commands } from '../../src/plugin/run.ts';
import { row, table } from './table.ts';

/** Flags that commands share, by their name on the page. */
const GROUPS = [
  ['Kubernetes', KUBERNETES],
  ['cloud', CLOUD],
] as const;
const GROUPED = new Set<PluginFlag>([...KUBERNETES, ...CLOUD]);

const quoted = (key: PluginFlag) => `\`${nameOf(key)}\``;
const list = (keys: readonly PluginFlag[]) => keys.map(quoted).join(', ');
const isOperators = (key: PluginFlag) => !isOwn(key);
const commandsWith = (key: PluginFlag) => commands.filter(({ flags }) => flags.includes(key)).length;
const isCommon = (key: PluginFlag) => !isOperators(key) && commandsWith(key) > 1;

/** The output of `--help`, except for flags shared by several commands or with the operator, which are described once. */
export function pluginPage(): string {
  const common = [...new Set(commands.flatMap(({ flags }) => flags.filter(isCommon)))];
  return `# kubectl vsgb

One file that needs only Node 22.19 or newer. On PATH as \`kubectl-vsgb\`, kubectl runs it as \`kubectl vsgb\`. The operator's
image has the matching version; podman takes the same commands. ☁ marks what needs a container engine of yours.

\`\`\`sh
docker create --name vsgb registry.example.com/vservergroup-operator:0.1.0   # ☁
docker cp vsgb:/app/kubectl-vsgb.js /usr/local/bin/kubectl-vsgb              # ☁
docker rm vsgb                                                               # ☁
\`\`\`

From a clone: \`npm run build\` makes \`dist/kubectl-vsgb.js\`, and \`scripts/release/plugin-archive.ts\` an archive with a file
that needs no Node, for its machine. A release has that file for Linux and macOS, and a manifest for krew:
[RELEASE.md](../RELEASE.md#to-install-from-one).

Results go to standard output, progress and warnings to standard error; \`--output json|yaml\` is for programs. Only terminals get
colours, unless \`NO_COLOR\` is set. Several commands have these flags:

${table(['flag', 'meaning'], common.map(flagRow))}

The operator's flags and variables mean the same here ([flags.md](flags.md)), except that \`--endpoint-network\` defaults to
\`public\`. Below, **Kubernetes** stands for ${list(KUBERNETES)}, **cloud** for
${list(CLOUD)}.

${commands.map(section).join('\n\n')}
`;
}

function section(command: Command): string {
  const { name, summary, details, flags, exitCodes } = command;
  const own = flags.filter((key) => !isOperators(key) && !isCommon(key));
  const others = [
    ...flags.filter(isCommon).map(quoted),
    ...GROUPS.filter(([, keys]) => keys.every((key) => flags.includes(key))).map(([name]) => `**${name}**`),
    ...flags.filter((key) => isOperators(key) && !GROUPED.has(key)).map(quoted),
  ];
  const codes = Object.entries(exitCodes).map(([code, meaning]) => `${code}: ${meaning}`);
  return [
    `## ${name}`,
    summary,
    `\`\`\`\n${usageOf(command).replace('Usage: ', '')}\n\n${details}\n\`\`\``,
    ...(own.length > 0 ? [table(['flag', 'meaning'], own.map(flagRow))] : []),
    ...(others.length > 0 ? [`${own.length > 0 ? 'Also' : 'Flags:'} ${others.join(', ')}.`] : []),
    `Exit codes: ${codes.join('; ')}.`,
  ].join('\n\n');
}

function flagRow(key: PluginFlag): string {
  return row(`\`${flagHeader(key)}\``, flagMeaning(key));
}
