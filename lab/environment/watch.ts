import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

export interface Watched {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

export interface Target {
  readonly kubeconfig: string;
  readonly context?: string | undefined;
  /** Includes the query that selects objects, if any. */
  readonly path: string;
}

/** `at`: when the bytes arrived, before they were parsed, as process.hrtime.bigint(). */
export type OnEvent<T> = (event: WatchEvent<T>, at: bigint) => void;

/**
 * Watches on a connection of its own, independent of the operator, until the signal or the end of the thread; an error other than a
 * connection error ends the thread. Returns once the API server has accepted the watch; existing objects come first, as ADDED.
 */
export async function watch<T extends Watched>(
  target: Target,
  onEvent: OnEvent<T>,
  signal?: AbortSignal,
): Promise<void> {
  const response = await open(target, undefined, signal);
  follow(target, response, onEvent, signal).catch((error: unknown) => {
    if (signal?.aborted) return;
    // Thrown where nothing can catch it.
    setImmediate(() => {
      throw new Error(`the watch of ${target.path} ended: ${error}`);
    });
  });
}

async function follow<T extends Watched>(
  target: Target,
  first: IncomingMessage,
  onEvent: OnEvent<T>,
  signal: AbortSignal | undefined,
): Promise<never> {
  let resourceVersion: string | undefined;
  const take = (event: WatchEvent<T>, at: bigint) => {
    if (event.type === 'ERROR') throw new Error(JSON.stringify(event.object));
    resourceVersion = event.object.metadata.resourceVersion;
    if (event.type !== 'BOOKMARK') onEvent(event, at);
  };
  for (let response = first; ; ) {
    try {
      await read(response, take);
    } catch (error) {
      if (signal?.aborted || !isConnectionError(error)) throw error;
    }
    // The server ends a watch whenever it likes; the watch resumes after the last event seen.
    response = await open(target, resourceVersion, signal);
  }
}

async function read<T>(response: IncomingMessage, take: OnEvent<T>): Promise<void> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const at = process.hrtime.bigint();
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as WatchEvent<T>, at);
  }
}

async function open(
  { kubeconfig, context, path }: Target,
  resourceVersion: string | undefined,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const url = new URL(`${config.getCurrentCluster()?.server.replace(/\/$/, '')}${path}`);
  url.searchParams.set('watch', 'true');
  url.searchParams.set('allowWatchBookmarks', 'true');
  if (resourceVersion !== undefined) url.searchParams.set('resourceVersion', resourceVersion);
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
  // Not in a shared agent: a watch keeps its connection for good.
  const request = send(url, { ...options, agent: false, ...(signal && { signal }) });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  response.destroy();
  throw new Error(`the API server answered ${response.statusCode} to a watch of ${path}`);
}

function isConnectionError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error;
}
