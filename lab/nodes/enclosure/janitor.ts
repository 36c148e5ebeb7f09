// node janitor.ts NAME
// Removes what is left of an enclosure once its owner, which holds the other end of standard input, is gone, however it ended. Runs
// in a session of its own, so that signals of the terminal do not end it and it outlives the owner.
import { removeTraces, tracesOf } from './traces.ts';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
for await (const _ of process.stdin);
await removeTraces(tracesOf(process.argv[2]!));
