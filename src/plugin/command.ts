import type { Readable } from 'node:stream';
import type { Cloud } from '../alibaba/cloud.ts';
import type { Clock } from '../clock.ts';
import type { KubeTransport } from '../kubernetes/client/transport-types.ts';
import type { Options, PluginFlag } from './flags.ts';
import type { Terminal } from './output/terminal.ts';

export const DONE = 0;
/** Something is left to do, or there are differences. */
export const LEFT = 1;
/** The request was invalid, or an API refused it. */
export const FAILED = 2;

/** A subcommand of `kubectl vsgb`. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Usage of the arguments after the name, without flags. */
  readonly arguments: string;
  readonly fewest: number;
  readonly most: number;
  /** What the arguments name, for completion. */
  readonly completes?: 'bindings' | 'nodes' | 'pods' | readonly string[];
  readonly details: string;
  readonly exitCodes: Readonly<Record<number, string>>;
  readonly flags: readonly PluginFlag[];
  /** Returns the exit code. */
  run(call: CommandCall): Promise<number>;
}

export interface Cluster {
  readonly transport: KubeTransport;
  /** The namespace of the context. */
  readonly namespace: string;
  /** How far the API server's clock is ahead of ours, in milliseconds; undefined before its first answer. */
  aheadMs(): number | undefined;
}

/** What a command gets to run. */
export interface CommandCall {
  readonly args: readonly string[];
  readonly options: Options;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  /** Opened on first use. */
  stdin(): Readable;
  /** Connected on first use. */
  cluster(): Cluster;
  /** `region` selects the endpoint that issues credentials if no flag does; default: --region. */
  cloud(region?: string): Cloud;
}
