import { Readable, Writable } from 'node:stream';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
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
