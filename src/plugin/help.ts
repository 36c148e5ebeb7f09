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
  const codes = Object.entries(command.exitCodes).map(([code, meaning]) => `  ${code}  ${meaning}`);
  return [
    `${command.summary}\n`,
    `${usageOf(command)}\n`,
    `${command.details}\n`,
    `Flags:\n${command.flags.map(flagHelp).join('\n')}\n`,
    `Exit codes:\n${codes.join('\n')}\n`,
  ].join('\n');
}

export function usageOf(command: Command): string {
  const parts = ['Usage: kubectl vsgb', command.name, command.arguments, '[flags]'];
  return parts.filter((part) => part !== '').join(' ');
}

function flagHelp(key: PluginFlag): string {
  return `  ${flagHeader(key)}\n${wrap(flagMeaning(key))}`;
}

export function flagHeader(key: PluginFlag): string {
  const { kind, short } = flagOf(key);
  const names = short === undefined ? nameOf(key) : `-${short}, ${nameOf(key)}`;
  return `${names} ${kind.placeholder}`.trimEnd();
}

export function flagMeaning(key: PluginFlag): string {
  const { kind, help, fallback } = flagOf(key);
  const hasDefault = fallback !== undefined && kind !== boolean;
  return hasDefault ? `${help} (default: ${fallback})` : help;
}
