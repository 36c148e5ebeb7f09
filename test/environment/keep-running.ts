// The parent process that the orphan test kills: it starts a control plane, reports its location, and never stops it.
import { startControlPlane } from '../../lab/control-plane/control-plane.ts';

const plane = await startControlPlane({ scheduler: false, controllerManager: false });
process.stdout.write(`${JSON.stringify({ dir: plane.dir, pids: [...plane.pids.values()] })}\n`);
setInterval(() => undefined, 2 ** 30);
