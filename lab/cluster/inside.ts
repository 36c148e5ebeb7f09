// node inside.ts DIR COUNT PORT
// The inner half of enclosed-cluster.ts: the control plane and the real nodes, and the forwarding that reaches them from outside.
import { join } from 'node:path';
import { toStandardError } from '../control-plane/build/build.ts';
import { startControlPlane } from '../control-plane/control-plane.ts';
import { enclosureFolder } from '../nodes/enclosure/enclosure.ts';
import { FOR_REAL_NODES, startRealNodes } from '../nodes/real-nodes.ts';
import { API_SERVER_SOCKET } from './enclosed-cluster.ts';
import { forward } from './forward.ts';

const [dir = '', count, port] = process.argv.slice(2);
const apiServerPort = Number(port);
const options = { ...FOR_REAL_NODES, dir, apiServerPort, kwok: true, onProgress: toStandardError };
const controlPlane = await startControlPlane(options);
const names = Array.from({ length: Number(count) }, (_, index) => `real-${index + 1}`);
await startRealNodes(controlPlane, { names });
const server = await forward(
  { path: join(enclosureFolder(), API_SERVER_SOCKET) },
  { host: '127.0.0.1', port: apiServerPort },
);
server.ref();
