import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

const QUOTED_LINES = 20;

/**
 * Runs the Go command in `cwd` and returns its output. With `supervise` (the path of that program), the command and the compilers
 * it starts are killed when this process ends, however it ends.
 */
export async function runGo(
  args: readonly string[],
  cwd: string,
  supervise?: string,
  cgo: '0' | '1' = '0',
): Promise<string> {
  const [program = 'go', ...leading] = supervise === undefined ? ['go'] : [supervise, '--', 'go'];
  const child = spawn(program, [...leading, ...args], {
    cwd,
    // Neither a workspace nor a C compiler found by chance may change what is built.
    env: { ...process.env, CGO_ENABLED: cgo, GOWORK: 'off' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawnFailure(error)));
    child.once('close', resolve);
  });
  const [code, output, errors] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  if (code === 0) return output;
  const quoted = errors.trimEnd().split('\n').slice(-QUOTED_LINES).join('\n');
  throw new Error(`go ${args[0]} in ${cwd} failed with status ${code}:\n${quoted}`);
}

function explainSpawnFailure(error: Error): Error {
  if (!('code' in error) || error.code !== 'ENOENT') return error;
  return new Error(
    'the control plane for tests has to be built and the Go command was not found: install Go 1.26 or later ' +
      '(or set KUBEBUILDER_ASSETS for etcd and the Kubernetes components; kwok is always built)',
    { cause: error },
  );
}
