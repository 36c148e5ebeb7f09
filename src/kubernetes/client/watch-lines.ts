import { KubeParseError } from './api-error.ts';
import type { WatchEvent } from './transport-types.ts';

/** Many times the size that etcd allows for an object: a longer line is not a watch event, and would exhaust the memory. */
const LONGEST_LINE = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Splits a byte stream into lines. It works on bytes because a chunk may end in the middle of a character. */
export class LineSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield this.#complete(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #complete(last: Buffer): Buffer {
    if (this.#pending.length === 0) return last;
    const line = Buffer.concat([...this.#pending, last]);
    this.#pending = [];
    this.#pendingBytes = 0;
    return line;
  }

  #keep(part: Buffer): void {
    this.#pendingBytes += part.length;
    if (this.#pendingBytes > LONGEST_LINE)
      throw new KubeParseError(`a line of a watch is longer than ${LONGEST_LINE} bytes`);
    this.#pending.push(part);
  }
}

const EVENT_TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

export function parseWatchLine(line: Buffer): WatchEvent {
  let event: Partial<WatchEvent> | null;
  try {
    event = JSON.parse(line.toString('utf8'));
  } catch {
    throw new KubeParseError(`a line of ${line.length} bytes in a watch is not JSON`);
  }
  if (!EVENT_TYPES.has(event?.type))
    throw new KubeParseError(`a line of ${line.length} bytes in a watch is not an event`);
  return event as WatchEvent;
}
