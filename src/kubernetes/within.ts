import { type Clock, sleep } from '../clock.ts';

/** Whether the work ended, well or not, within `ms` milliseconds. The work itself goes on. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const ended = work.then(
    () => true,
    () => true,
  );
  const late = sleep(clock, ms, over.signal).then(
    () => false,
    () => false,
  );
  const inTime = await Promise.race([ended, late]);
  over.abort();
  return inTime;
}
