import { Enclosure, type EnclosureOptions } from './enclosure.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the command inside an enclosure to its end, or until a signal; returns its exit status. */
export async function runEnclosed(
  command: readonly string[],
  options: EnclosureOptions = {},
): Promise<number> {
  const enclosure = await Enclosure.start(command, options);
  const stop = () => void enclosure.stop();
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    return await enclosure.exited;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
