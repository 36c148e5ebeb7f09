import { wrap } from '../config/help.ts';
import { boolean } from '../config/values.ts';
import type { Command } from './command.ts';
import { flagOf, nameOf, type PluginFlag } from './flags.ts';

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
  const { kind, short, help, fallback } = flagOf(key);
  const names = short === undefined ? nameOf(key) : `-${short}, ${nameOf(key)}`;
  const head = `  ${names} ${kind.placeholder}`.trimEnd();
  const hasDefault = fallback !== undefined && kind !== boolean;
  return `${head}\n${wrap(hasDefault ? `${help} (default: ${fallback})` : help)}`;
}
