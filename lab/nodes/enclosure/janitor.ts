// node janitor.ts NAME
// Removes what is left of an enclosure once its owner, who holds the other end of standard input, is gone, however that
// ended. Outlives the owner for this: in a session of its own, deaf to what a terminal says.
import { removeTraces, tracesOf } from './traces.ts';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
for await (const _ of process.stdin);
await removeTraces(tracesOf(process.argv[2]!));
