import { systemClock } from '../clock.ts';
import { runPlugin } from './run.ts';

// DEP0169 of the vendor's SDK is nothing that a user could act on.
process.noDeprecation = true;

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

const { stdout, stderr, env } = process;
// Not awaited: the plugin is bundled as CommonJS, too.
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
