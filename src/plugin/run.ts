import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../config/config-error.ts';
import { version } from '../version.ts';
import { checkAsOperator } from './check/as-operator.ts';
import { CHECK_IN_OPERATOR } from './check/in-operator.ts';
import { type Cluster, type Command, type CommandCall, DONE, FAILED } from './command.ts';
import { check } from './commands/check.ts';
import { COMPLETE, completion } from './commands/completion.ts';
import { diff } from './commands/diff.ts';
import { drain } from './commands/drain.ts';
import { inject } from './commands/inject.ts';
import { ready } from './commands/ready.ts';
import { remove } from './commands/remove.ts';
import { status } from './commands/status.ts';
import { completionsFor, namesOf } from './complete.ts';
import { type ClusterChoice, connectCloud, connectCluster } from './connections.ts';
import { KUBERNETES, type Options, readFlags } from './flags.ts';
import { commandHelp, generalHelp } from './help.ts';
import { Terminal, type TerminalOptions } from './output/terminal.ts';

export const commands: readonly Command[] = [check, status, diff, drain, remove, inject, ready, completion];

export interface Surroundings extends TerminalOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  stdin(): Readable;
}

/** Runs one call of the plugin, from its arguments to its exit code. Never throws. */
export async function runPlugin(words: readonly string[], around: Surroundings): Promise<number> {
  const terminal = new Terminal(around);
  const stack = new AsyncDisposableStack();
  try {
    return await carryOut(words, terminal, around, stack);
  } catch (error) {
    terminal.endProgress();
    terminal.note(around.signal.aborted ? 'interrupted' : `error: ${messageOf(error)}`);
    return FAILED;
  } finally {
    await stack.disposeAsync();
  }
}

async function carryOut(
  words: readonly string[],
  terminal: Terminal,
  around: Surroundings,
  stack: AsyncDisposableStack,
): Promise<number> {
  const [name, ...rest] = words;
  if (name === COMPLETE) return await complete(rest, terminal, around, stack);
  if (name === CHECK_IN_OPERATOR) return await checkHere(rest, terminal, around, stack);
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const command = commands.find((one) => one.name === rest[0]);
    terminal.print(command === undefined ? generalHelp(commands) : commandHelp(command));
    return name === undefined ? FAILED : DONE;
  }
  if (name === '--version') {
    terminal.print(version);
    return DONE;
  }
  const command = commands.find((one) => one.name === name);
  if (command === undefined) {
    throw new ConfigError(
      `no command ${JSON.stringify(name.slice(0, 40))}: expected one of ${commands.map((one) => one.name).join(', ')}`,
    );
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    terminal.print(commandHelp(command));
    return DONE;
  }
  const { options, positionals } = readFlags(rest, command.flags, around.env);
  if (positionals.length < command.fewest || positionals.length > command.most) {
    throw new ConfigError(`usage: kubectl vsgb ${command.name} ${command.arguments}`.trimEnd());
  }
  return await command.run({
    args: positionals,
    options,
    terminal,
    ...around,
    ...connections(options, around, stack),
  });
}

function connections(
  options: Options,
  { clock }: Surroundings,
  stack: AsyncDisposableStack,
): Pick<CommandCall, 'cluster' | 'cloud'> {
  let cluster: Cluster | undefined;
  return {
    cluster() {
      if (cluster !== undefined) return cluster;
      const choice = { kubeconfig: options.operator('kubeconfig'), context: options.operator('context') };
      const connected = connectCluster(choice, clock);
      stack.defer(() => connected.transport.close());
      cluster = connected;
      return connected;
    },
    cloud(region = options.operator('region')) {
      const cloud = connectCloud(options, clock, region);
      stack.defer(() => cloud.close());
      return cloud;
    },
  };
}

/** Runs in the operator's container and prints the findings as JSON. */
async function checkHere(
  words: readonly string[],
  terminal: Terminal,
  { env, clock, signal }: Surroundings,
  stack: AsyncDisposableStack,
): Promise<number> {
  const end = words.indexOf('--');
  const [own, operatorArgs] = end === -1 ? [words, []] : [words.slice(0, end), words.slice(end + 1)];
  const { options } = readFlags(own, ['group'], env);
  const connect = (config: ClusterChoice) => {
    const cluster = connectCluster(config, clock);
    stack.defer(() => cluster.transport.close());
    return cluster;
  };
  const findings = await checkAsOperator(operatorArgs, options.own('group'), { env, clock, signal, connect });
  terminal.print(JSON.stringify({ findings }));
  return DONE;
}

async function complete(
  words: readonly string[],
  terminal: Terminal,
  around: Surroundings,
  stack: AsyncDisposableStack,
): Promise<number> {
  const given = (...names: readonly string[]) => {
    const at = words.findIndex((word) => names.includes(word));
    return at === -1 || at + 2 >= words.length ? undefined : words[at + 1];
  };
  const connecting = ['--kubeconfig', '--context'].flatMap((name) => {
    const value = given(name);
    return value === undefined ? [] : [`${name}=${value}`];
  });
  const { options } = readFlags(connecting, KUBERNETES, around.env);
  const { cluster } = connections(options, around, stack);
  const names = namesOf(cluster, given('-n', '--namespace'));
  for (const each of await completionsFor(words, commands, names)) terminal.print(each);
  terminal.print(':4');
  return DONE;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
