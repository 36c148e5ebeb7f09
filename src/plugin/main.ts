import { systemClock } from '../clock.ts';
import { runPlugin } from './run.ts';

// Users cannot do anything about DEP0169, which the vendor's SDK triggers.
process.noDeprecation = true;

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

const { stdout, stderr, env } = process;
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
