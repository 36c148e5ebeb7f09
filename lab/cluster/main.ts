import { parseArgs } from 'node:util';
import { buildPrograms, toStandardError } from '../control-plane/build/build.ts';
import { startControlPlane } from '../control-plane/control-plane.ts';
import { orphaned } from '../control-plane/process/orphaned.ts';
import { startEnclosedCluster } from './enclosed-cluster.ts';

const USAGE = `usage: npm run cluster -- --dir DIR [--real-nodes N]

Runs a Kubernetes control plane with a scheduler and kwok on 127.0.0.1, in the foreground, until SIGINT or SIGTERM.
Writes DIR/kubeconfig and prints "ready" once it can be used. A DIR used before brings its objects back.
The first run builds the programs, which takes about 8 minutes.

  --dir DIR        folder for state, kubeconfig and logs (made if it is missing)
  --real-nodes N   N nodes with kubelet, containerd and kube-proxy; needs root on Linux (see lab/nodes/README.md)
  --build-only     build what is missing, also of what the end-to-end tests run besides, and end
  --help           show this text
`;

interface Cluster {
  /** Settles if the cluster ends on its own, which is a failure. */
  readonly broken?: Promise<never>;
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(USAGE);
  } else if (options['build-only']) {
    await buildPrograms();
  } else if (options.dir === undefined || options.dir === '') {
    refuse('--dir is missing: name the folder for state and kubeconfig.');
  } else {
    const { dir } = options;
    const count = readCount(options['real-nodes']);
    await runUntilSignal(() =>
      count === 0
        ? startControlPlane({ dir, onProgress: toStandardError })
        : startEnclosedCluster({ dir, count, onProgress: toStandardError }),
    );
  }
}

async function runUntilSignal(start: () => Promise<Cluster>): Promise<void> {
  const ended = Promise.race([signalled(), orphaned()]);
  const cluster = await Promise.race([start(), ended]);
  // Whatever has been started so far ends with this process.
  if (!cluster) process.exit(0);
  process.stdout.write('ready\n');
  await (cluster.broken === undefined ? ended : Promise.race([ended, cluster.broken]));
  await cluster.stop();
  process.exit(0);
}

async function signalled(): Promise<void> {
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
  });
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        dir: { type: 'string' },
        'real-nodes': { type: 'string', default: '0' },
        'build-only': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function readCount(text: string): number {
  return /^\d{1,2}$/.test(text) ? Number(text) : refuse(`--real-nodes ${text}: give a number up to 99.`);
}

function refuse(sentence: string): never {
  process.stderr.write(`cluster: ${sentence.split('\n')[0]}\n`);
  process.exit(2);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
