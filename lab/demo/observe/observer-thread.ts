// The observer's watches run in a thread of their own, so that the demo's other work does not delay the time of an event.
import { parentPort, workerData } from 'node:worker_threads';
import { type Target, type WatchEvent, watch } from '../../environment/watch.ts';

/** `at` is process.hrtime.bigint(), which all threads share. */
export type Sighting = { readonly watch: number; readonly event: WatchEvent<never>; readonly at: bigint };
export type Report = Sighting | 'ready';

const tell = (report: Report) => parentPort?.postMessage(report);
const targets = workerData as readonly Target[];
for (const [index, target] of targets.entries()) {
  await watch<never>(target, (event, at) => tell({ watch: index, event, at }));
}
tell('ready');
