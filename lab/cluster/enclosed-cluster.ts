import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Progress } from '../control-plane/build/build.ts';
import { freePorts } from '../control-plane/process/free-port.ts';
import { Enclosure } from '../nodes/enclosure/enclosure.ts';
import { waitUntil } from '../time/wait-until.ts';
import { forward } from './forward.ts';

export interface EnclosedClusterOptions {
  readonly dir: string;
  /** The number of real nodes. */
  readonly count: number;
  readonly onProgress: Progress;
}

export const API_SERVER_SOCKET = 'api-server.sock';
const READY_WITHIN_MS = 180_000;

/** A cluster with real nodes inside an enclosure; DIR/kubeconfig reaches its API server from outside, too. */
export async function startEnclosedCluster({ dir, count, onProgress }: EnclosedClusterOptions) {
  const [port = 0] = await freePorts(1);
  const inside = join(import.meta.dirname, 'inside.ts');
  const command = [process.execPath, inside, resolve(dir), String(count), String(port)];
  const enclosure = await Enclosure.start(command, { onProgress });
  const broken = enclosure.exited.then((status) => {
    throw new Error(`the cluster ended with status ${status}: its logs are in ${join(dir, 'logs')}`);
  });
  broken.catch(() => undefined);
  const path = join(enclosure.folder, API_SERVER_SOCKET);
  const ready = waitUntil('the nodes to be Ready', () => existsSync(path), { timeoutMs: READY_WITHIN_MS });
  await Promise.race([ready, broken]);
  await forward({ host: '127.0.0.1', port }, { path });
  onProgress(`inside, where pods are reached: nsenter --target ${enclosure.pid} --net --mount --pid`);
  return { broken, stop: () => enclosure.stop() };
}
