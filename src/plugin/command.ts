import type { Readable } from 'node:stream';
import type { Cloud } from '../alibaba/cloud.ts';
import type { Clock } from '../clock.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import type { Options, PluginFlag } from './flags.ts';
import type { Terminal } from './output/terminal.ts';

export const DONE = 0;
/** Something is left to do, or differs. */
export const LEFT = 1;
/** It was asked for something wrong, or an API refused. */
export const FAILED = 2;

/** One word of `kubectl vsgb`. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** What follows the name, besides flags. */
  readonly arguments: string;
  readonly fewest: number;
  readonly most: number;
  /** What its arguments name, for completion. */
  readonly completes?: 'bindings' | 'nodes' | 'pods' | readonly string[];
  readonly details: string;
  readonly exitCodes: Readonly<Record<number, string>>;
  readonly flags: readonly PluginFlag[];
  /** Returns the exit code. */
  run(call: CommandCall): Promise<number>;
}

export interface Cluster {
  readonly transport: KubeTransport;
  /** That of the context. */
  readonly namespace: string;
  /** By how much the API server's clock is ahead of ours, in milliseconds; undefined before its first answer. */
  aheadMs(): number | undefined;
}

/** What a command is run with. */
export interface CommandCall {
  readonly args: readonly string[];
  readonly options: Options;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Opened when first asked for. */
  stdin(): Readable;
  /** Connected when first asked for. */
  cluster(): Cluster;
  /** `region`: of the endpoints for credentials, when no flag says it. */
  cloud(region?: string): Cloud;
}
