import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Keeps all cores from sleeping, by loops of a priority below that of any other process (SCHED_IDLE:
 * https://man7.org/linux/man-pages/man7/sched.7.html). The host of a virtual machine wakes its cores late, by milliseconds; nodes of
 * a production cluster hardly sleep. Without util-linux the cores sleep. Returns what ends the loops; they also end with this process.
 */
export function keepCoresAwake(): () => void {
  const loops = Array.from({ length: availableParallelism() }, () =>
    spawn('setpriv', ['--pdeathsig', 'KILL', 'chrt', '--idle', '0', process.execPath, '-e', 'for (;;);'], {
      stdio: 'ignore',
    }).on('error', () => undefined),
  );
  const end = () => {
    for (const loop of loops) loop.kill('SIGKILL');
  };
  process.once('exit', end);
  return end;
}
