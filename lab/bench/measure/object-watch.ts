import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import { preciseNow } from '../../../simulator/gateway/call.ts';
import type { ControlPlane } from '../../control-plane/control-plane.ts';

interface Versioned {
  readonly metadata: { readonly resourceVersion: string };
}

/** `at`: when the watcher received the line, in ms since the epoch. */
export type TakeObject<T> = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T, at: number) => void;

/** Lists and watches over plain HTTPS, using none of the operator's code. */
export class ObjectWatch {
  readonly #plane: ControlPlane;
  readonly #ca: Buffer;
  readonly #agent = new https.Agent({ keepAlive: true });
  readonly #open = new Set<IncomingMessage>();
  #closed = false;

  constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.#ca = readFileSync(plane.caFile);
  }

  /** Resolves once all existing objects have been passed to `take` and the watch is open. */
  async start<T extends Versioned>(path: string, take: TakeObject<T>): Promise<void> {
    const list = JSON.parse(await text(await this.#get(path))) as Versioned & {
      readonly items: readonly T[];
    };
    for (const object of list.items) take('ADDED', object, preciseNow());
    let version = list.metadata.resourceVersion;
    const open = async (): Promise<void> => {
      const response = await this.#get(
        `${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${version}`,
      );
      this.#open.add(response);
      let pending = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const at = preciseNow();
        const lines = (pending + chunk).split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) {
          const { type, object } = JSON.parse(line) as {
            type: Parameters<TakeObject<T>>[0] | 'BOOKMARK';
            object: T;
          };
          version = object.metadata.resourceVersion;
          if (type !== 'BOOKMARK') take(type, object, at);
        }
      });
      response.on('error', () => {});
      response.on('close', () => {
        this.#open.delete(response);
        if (!this.#closed) void open();
      });
    };
    await open();
  }

  close(): void {
    this.#closed = true;
    for (const response of this.#open) response.destroy();
    this.#agent.destroy();
  }

  #get(path: string): Promise<IncomingMessage> {
    const { server, adminToken } = this.#plane;
    return new Promise((resolve, reject) => {
      https
        .get(
          `${server}${path}`,
          {
            ca: this.#ca,
            agent: this.#agent,
            headers: { authorization: `Bearer ${adminToken}`, accept: 'application/json' },
          },
          resolve,
        )
        .on('error', (error) => {
          if (!this.#closed) reject(error);
        });
    });
  }
}

async function text(response: IncomingMessage): Promise<string> {
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += chunk;
  return body;
}
