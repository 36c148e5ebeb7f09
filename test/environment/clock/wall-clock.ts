import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The wall clock of operators started with its `env`; tests can set it while they run. Their process loads shifted-date.ts before
 * the operator. Timers and the monotonic clock are unaffected, as when a machine's clock is set.
 */
export class WallClock implements AsyncDisposable {
  readonly #dir: string;
  offsetMs = 0;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async create(): Promise<WallClock> {
    const clock = new WallClock(await mkdtemp(join(tmpdir(), 'clock-')));
    await clock.jump(0);
    return clock;
  }

  get env(): Readonly<Record<string, string>> {
    const module = new URL('./shifted-date.ts', import.meta.url).href;
    return { NODE_OPTIONS: `--import=${module}`, TEST_CLOCK_FILE: this.#file };
  }

  /** Takes effect at once. */
  async jump(ms: number): Promise<void> {
    this.offsetMs += ms;
    await writeFile(`${this.#file}.new`, String(this.offsetMs));
    await rename(`${this.#file}.new`, this.#file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#dir, 'offset-ms');
  }
}
