import type { Command } from './command.ts';
import { describeFlag, type PluginFlag } from './flags.ts';

const WIDTH = 100;

export function generalHelp(commands: readonly Command[]): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`);
  return `kubectl vsgb looks into bindings of SLB vServer groups, and acts on the groups.

Usage: kubectl vsgb COMMAND [arguments] [flags]

Commands:
${lines.join('\n')}

kubectl vsgb COMMAND --help shows the flags and exit codes of a command; --version shows the version.
`;
}

export function commandHelp(command: Command): string {
  const usage = ['Usage: kubectl vsgb', command.name, command.arguments, '[flags]'].filter(
    (part) => part !== '',
  );
  const codes = Object.entries(command.exitCodes).map(([code, meaning]) => `  ${code}  ${meaning}`);
  return [
    `${command.summary}\n`,
    `${usage.join(' ')}\n`,
    `${command.details}\n`,
    `Flags:\n${command.flags.map(flagHelp).join('\n')}\n`,
    `Exit codes:\n${codes.join('\n')}\n`,
  ].join('\n');
}

function flagHelp(key: PluginFlag): string {
  const { name, short, placeholder, help, fallback } = describeFlag(key);
  const names = [short === undefined ? undefined : `-${short}`, name].filter((each) => each !== undefined);
  const head = `  ${names.join(', ')}${placeholder === '' ? '' : ` ${placeholder}`}`;
  return `${head}\n${wrapped(fallback === undefined ? help : `${help} (default: ${fallback})`)}`;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = '     ';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '     ';
    }
    line = `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
