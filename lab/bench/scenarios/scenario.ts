import type { Result } from '../bed.ts';

export interface Scenario {
  readonly name: string;
  /** One line for the report. */
  readonly what: string;
  /** `quick`: as short as it can be while it still shows that everything works. */
  run(quick: boolean): Promise<readonly Result[]>;
}
