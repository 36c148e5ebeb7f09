import { systemClock } from '../clock.ts';
import { FAILED } from './command.ts';
import { runPlugin } from './run.ts';

// Users cannot do anything about DEP0169, which the vendor's SDK triggers.
process.noDeprecation = true;

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

const { stdout, stderr, env } = process;
/** As a shell reports a process that SIGPIPE ended. */
const READER_GONE = 141;
for (const stream of [stdout, stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) =>
    process.exit(code === 'EPIPE' ? READER_GONE : FAILED),
  );
}
// Not awaited, because the plugin is also bundled as CommonJS.
void runPlugin(process.argv.slice(2), {
  stdout,
  stderr,
  env,
  clock: systemClock,
  signal: stop.signal,
  stdin: () => process.stdin,
}).then((code) => {
  process.exitCode = code;
});
