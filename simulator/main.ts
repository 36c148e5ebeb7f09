import { HELP, parseCommandLine, UsageError } from './options.ts';
import { startSimulator } from './simulator.ts';

async function main(): Promise<void> {
  const options = parseCommandLine(process.argv.slice(2), process.env);
  if (options === 'help') {
    process.stdout.write(HELP);
    return;
  }
  const simulator = await startSimulator(options);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void simulator.close();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  console.log(`seed ${simulator.faults.seed}`);
  for (const { id, group, address } of simulator.dataPlane.listeners) {
    console.log(`listener ${id} on ${address?.host}:${address?.port} forwards to ${group}`);
  }
  console.log(`listening on ${simulator.url}`);
}

try {
  await main();
} catch (error) {
  const { message, syscall } = error as NodeJS.ErrnoException;
  console.error(`simulator: ${message}`);
  // A journal file that cannot be opened counts as an invalid value; a port in use does not.
  process.exitCode = error instanceof UsageError || syscall === 'open' ? 2 : 1;
}
