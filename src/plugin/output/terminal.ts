import type { Writable } from 'node:stream';

export type Style = 'good' | 'bad' | 'warn';

const CODES: Readonly<Record<Style, number>> = { good: 32, bad: 31, warn: 33 };

type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface TerminalOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Results go to standard output, progress and warnings to standard error, so that results can be piped. */
export class Terminal {
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #colours: boolean;
  #shown = '';

  constructor({ stdout, stderr, env }: TerminalOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#colours = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  }

  /** Characters per line; undefined if standard output is not a terminal and lines may have any length. */
  get width(): number | undefined {
    return this.#stdout.isTTY ? this.#stdout.columns : undefined;
  }

  /** https://no-color.org: colours are only for people at terminals. */
  styled(text: string, style: Style | undefined): string {
    return style === undefined || !this.#colours ? text : `\u001b[${CODES[style]}m${text}\u001b[0m`;
  }

  print(text: string): void {
    this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Prints the text without a trailing newline. */
  printExactly(text: string): void {
    this.#stdout.write(text);
  }

  note(text: string): void {
    this.endProgress();
    this.#stderr.write(`${text}\n`);
  }

  /** The progress of a wait: on a terminal, one line that is updated; otherwise, a line for each change. */
  progress(text: string): void {
    if (text === this.#shown) return;
    this.#shown = text;
    this.#stderr.write(this.#stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  }

  endProgress(): void {
    if (this.#shown !== '' && this.#stderr.isTTY) this.#stderr.write('\n');
    this.#shown = '';
  }
}
