import { test } from '@jest/globals';
import type { Environment } from '../../lab/environment/environment.ts';

const TIMEOUT_MS = 90_000;

/** `test` for one environment: a failure shows the operators' last log lines. */
export function scenarios(environment: () => Environment) {
  return (name: string, run: () => Promise<void>, timeoutMs = TIMEOUT_MS): void => {
    test(
      name,
      async () => {
        try {
          await run();
        } catch (error) {
          console.error(await environment().operatorLogs());
          throw error;
        }
      },
      timeoutMs,
    );
  };
}
