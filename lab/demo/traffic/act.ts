import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureNeeds, RealNodesNeed } from '../../nodes/enclosure/needs.ts';
import { runEnclosed } from '../../nodes/enclosure/run-enclosed.ts';
import { buildTrafficPrograms } from '../../traffic/programs.ts';
import type { TrafficResult } from './result.ts';

/** A rolling update on real nodes, with real traffic. Rejects if it does not finish. */
export async function trafficAct(): Promise<readonly TrafficResult[] | { readonly skipped: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'demo-'));
  const file = join(folder, 'result.json');
  try {
    await ensureNeeds();
    await buildTrafficPrograms();
    const program = join(import.meta.dirname, 'rolling-update.ts');
    const status = await runEnclosed([process.execPath, program, file]);
    if (status !== 0) throw new Error(`the rolling update under traffic ended with status ${status}`);
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof RealNodesNeed) return { skipped: error.message };
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
