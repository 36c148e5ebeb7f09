import { locateKubectl, locateVegeta } from '../control-plane/build/build.ts';
import { ensureBuilt } from '../environment/operator-process.ts';

/** Builds what cannot be fetched inside an enclosure, apart from what the enclosure builds itself. */
export async function buildTrafficPrograms(): Promise<void> {
  await locateVegeta();
  await locateKubectl();
  await ensureBuilt();
}
