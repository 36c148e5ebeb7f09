import type { Result } from '../bed.ts';

export interface Scenario {
  readonly name: string;
  /** One line for the report. */
  readonly what: string;
  /** `quick`: as short as possible while still showing that everything works. */
  run(quick: boolean): Promise<readonly Result[]>;
}
