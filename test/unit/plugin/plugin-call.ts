import { Readable, Writable } from 'node:stream';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import type { Cloud } from '../../../src/alibaba/cloud.ts';
import type { KubeTransport } from '../../../src/kubernetes/client/transport-types.ts';
import type { Command } from '../../../src/plugin/command.ts';
import { readFlags } from '../../../src/plugin/flags.ts';
import { Terminal } from '../../../src/plugin/output/terminal.ts';
import { runPlugin } from '../../../src/plugin/run.ts';

/** Calls the plugin once in this process; returns all of its output. */
export async function run(...words: readonly string[]) {
  return await runWithInput('', ...words);
}

/** The same, with this text on standard input. */
export async function runWithInput(input: string | Uint8Array, ...words: readonly string[]) {
  const { streams, written } = collector();
  const { signal } = new AbortController();
  const code = await runPlugin(words, {
    ...streams,
    env: {},
    clock: new FakeClock(),
    signal,
    stdin: () => Readable.from([Buffer.from(input)]),
  });
  return { code, ...written };
}

/** Calls one command with the parts of a call that it needs; the others fail it. `clock` is at 2026-01-01 unless given. */
export function runCommand(
  command: Pick<Command, 'flags' | 'run'>,
  words: readonly string[],
  {
    transport,
    cloud,
    clock = new FakeClock(1_000, Date.parse('2026-01-01T00:00:00Z')),
  }: {
    readonly transport?: KubeTransport;
    readonly cloud?: Partial<Cloud>;
    readonly clock?: FakeClock;
  },
) {
  const { options, positionals } = readFlags(words, command.flags, {});
  const { streams, written } = collector();
  const code = command.run({
    args: positionals,
    options,
    terminal: new Terminal({ ...streams, env: {} }),
    clock,
    signal: new AbortController().signal,
    env: {},
    stdin: () => Readable.from([]),
    cluster: () => {
      if (transport === undefined) throw new Error('no cluster is needed');
      return { transport, namespace: 'shop', aheadMs: () => undefined };
    },
    cloud: () => {
      if (cloud === undefined) throw new Error('no cloud is needed');
      return cloud as Cloud;
    },
  });
  return { code, written };
}

/** Standard output and error that collect what is written to them. */
export function collector() {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _, done) {
        written[name] += String(chunk);
        done();
      },
    });
  return { streams: { stdout: into('stdout'), stderr: into('stderr') }, written };
}
