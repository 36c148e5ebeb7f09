import { orphaned } from '../../control-plane/process/orphaned.ts';
import { Enclosure, type EnclosureOptions } from './enclosure.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the command inside an enclosure until it ends, or until a signal or the end of npm; returns its exit status. */
export async function runEnclosed(
  command: readonly string[],
  options: EnclosureOptions = {},
): Promise<number> {
  const enclosure = await Enclosure.start(command, options);
  const stop = () => void enclosure.stop();
  for (const signal of SIGNALS) process.once(signal, stop);
  const ended = new AbortController();
  void orphaned(ended.signal).then(stop);
  try {
    return await enclosure.exited;
  } finally {
    ended.abort();
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
