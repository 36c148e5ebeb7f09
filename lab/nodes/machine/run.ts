import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program until it ends and returns its output; rejects with its standard error. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, args)).stdout;
  } catch (error) {
    const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string };
    throw new Error(`${program} ${args.join(' ')}: ${stderr.trim() || message}`, { cause: error });
  }
}
