import type { Writable } from 'node:stream';
import winston from 'winston';
import { redact } from '../redact.ts';
import { loggable } from './loggable.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
/** No field may have the name of what every line has: it would be lost. */
export interface LogFields {
  readonly [field: string]: unknown;
  readonly time?: never;
  readonly level?: never;
  readonly message?: never;
}

/**
 * Writes one line per event. Fields are for programs: group, binding, action, count, requestId, durationMs. An Error in a field
 * is logged as one sentence, with its stack if the line is an error or the level is debug.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Default: standard output. */
  readonly stream?: Writable;
}

export function createLogger({ level, format, stream }: LoggerOptions): Logger {
  const output = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: format === 'json' ? winston.format.json({ deterministic: false }) : winston.format.printf(asText),
    transports: [stream ? new winston.transports.Stream({ stream }) : new winston.transports.Console()],
  });
  const write = (line: LogLevel, message: string, fields: LogFields = {}) => {
    if (!output.isLevelEnabled(line)) return;
    output.log(record(line, message, fields, line === 'error' || level === 'debug'));
  };
  return {
    error: (message, fields) => write('error', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    info: (message, fields) => write('info', message, fields),
    debug: (message, fields) => write('debug', message, fields),
  };
}

/** Fields come after time, level and message, and cannot replace them. */
function record(level: LogLevel, message: string, fields: LogFields, stacks: boolean) {
  const line = { time: new Date().toISOString(), level, message: redact(message) };
  const stack = stacks ? Object.values(fields).find((field) => field instanceof Error)?.stack : undefined;
  return {
    ...line,
    ...(loggable(fields) as LogFields),
    ...(stack !== undefined && { stack: redact(stack) }),
    ...line,
  };
}

/** `12:00:01.123 WARN  Backends held  group=rsp-1 count=2`, for terminals. */
function asText({ time, level, message, stack, ...fields }: winston.Logform.TransformableInfo): string {
  const head = `${String(time).slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${message}`;
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textOf(value)}`);
  const line = pairs.length === 0 ? head : `${head}  ${pairs.join(' ')}`;
  return stack === undefined ? line : `${line}\n${stack}`;
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(value);
}
