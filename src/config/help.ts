import { environmentName, FLAG_KEYS, FLAGS, type Flag, type FlagKey, flagName, SECTIONS } from './flags.ts';

/** Describes the flags for --help and docs/flags.md. */
export function describeFlags() {
  return SECTIONS.map((title) => ({
    title,
    flags: FLAG_KEYS.filter((key) => FLAGS[key].section === title).map(describeFlag),
  }));
}

function describeFlag(key: FlagKey) {
  const flag: Flag<unknown> = FLAGS[key];
  const fallback = flag.fallbackHelp ?? (typeof flag.fallback === 'string' ? flag.fallback : 'none');
  return {
    flag: flagName(key),
    placeholder: flag.kind.placeholder,
    environment: environmentName(key),
    help: flag.help,
    /** Set for every flag. */
    fallback: flag.required ? 'needed' : `default: ${fallback}`,
  };
}

const WIDTH = 100;
const INDENT = ' '.repeat(6);

const INTRODUCTION = `vservergroup-operator keeps the backends of SLB vServer groups equal to the cluster.

Usage: vservergroup-operator --region REGION [flags]

Each flag can also be given as the environment variable shown next to it; the flag wins.`;

/** `credentials`: the sources of credentials, in the order in which they are tried. */
export function helpText(credentials: readonly string[]): string {
  const sections = describeFlags().map(({ title, flags }) => `${title}:\n${flags.map(flagText).join('\n')}`);
  const own = 'Other:\n  --help, -h\n      Show this text.\n  --version\n      Show the version.';
  return `${[INTRODUCTION, ...sections, own, credentialsText(credentials)].join('\n\n')}\n`;
}

function credentialsText(places: readonly string[]): string {
  const list = places.map((place, index) => `  ${index + 1}. ${place.replaceAll('\n', '\n     ')}`);
  return `Credentials, first that is there:\n${list.join('\n')}\nHTTPS_PROXY and NO_PROXY are honoured for the cloud API.`;
}

function flagText({
  flag,
  placeholder,
  environment,
  help,
  fallback,
}: ReturnType<typeof describeFlag>): string {
  const usage = placeholder === '' ? flag : `${flag} ${placeholder}`;
  return `  ${usage}  ($${environment})\n${wrap(`${help} (${fallback})`)}`;
}

/** Indented, with at most 100 characters per line. */
export function wrap(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && INDENT.length + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => INDENT + each).join('\n');
}
