import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Clock } from '../clock.ts';
import { type Address, closeServer, listen, listenAddressOf } from '../observability/listening.ts';
import type { KeyPair } from '../observability/tls-files.ts';
import { type PodReview, readReview, reviewAnswer } from './admission-review.ts';
import type { Admission } from './admit-pod.ts';

/** Path of the webhook, as in the MutatingWebhookConfiguration. */
export const WEBHOOK_PATH = '/mutate-pods';

/** The largest object that the API server accepts. */
const MOST_BYTES = 3 * 2 ** 20;
/** Limit for all bodies that are being read: anyone who can reach the port may send them. */
const MOST_BYTES_AT_ONCE = 64 * 2 ** 20;
/** The API server waits for 3 s: a caller that sends more slowly would be gone before the answer. */
const REQUEST_MS = 2_000;
/** Longer than the API server keeps an idle connection (90 s), so that it never sends a pod over a connection closed by us. */
const IDLE_MS = 120_000;

export interface WebhookServerOptions {
  readonly address: Address;
  readonly clock: Clock;
  /** Must work from caches alone. If it throws, the result is `error` and the pod is admitted unchanged. */
  readonly admit: (review: PodReview) => Admission;
  readonly onAdmission: (result: Admission['result'], review: PodReview, error?: unknown) => void;
  /** Called for a request that cannot have come from the API server. */
  readonly onRefused: (status: number) => void;
}

export interface WebhookServer {
  readonly address: string;
  /** Takes effect for new connections. Before the first call, no TLS handshake succeeds. */
  useKeyPair(pair: KeyPair): void;
  close(): Promise<void>;
}

/** Rejects if the server cannot listen on the address. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const bodies = new BodyReader(options.clock);
  const server = createServer(
    { handshakeTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: REQUEST_MS },
    (request, response) => void answer(options, bodies, request, response),
  );
  server.keepAliveTimeout = IDLE_MS;
  await listen(server, options.address);
  return {
    address: listenAddressOf(server),
    useKeyPair: (pair) => server.setSecureContext({ ...pair }),
    close: () => closeServer(server),
  };
}

/** The HTTP status for a request that is refused. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`refused with status ${status}`);
    this.status = status;
  }
}

async function answer(
  options: WebhookServerOptions,
  bodies: BodyReader,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const review = await readPodReview(bodies, request);
    send(response, 200, JSON.stringify(answerTo(review, options)));
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500;
    options.onRefused(status);
    // Do not wait for the rest of the body.
    response.shouldKeepAlive = false;
    send(response, status, '');
  }
}

async function readPodReview(bodies: BodyReader, request: IncomingMessage): Promise<PodReview> {
  if (URL.parse(request.url ?? '/', 'https://localhost')?.pathname !== WEBHOOK_PATH) throw new Refusal(404);
  if (request.method !== 'POST') throw new Refusal(405);
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) throw new Refusal(415);
  const review = readReview(parsed(await bodies.read(request)));
  if (review === undefined) throw new Refusal(400);
  return review;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400);
  }
}

function answerTo(review: PodReview, { admit, onAdmission }: WebhookServerOptions): object {
  try {
    const admission = admit(review);
    const found = reviewAnswer(review, admission);
    onAdmission(admission.result, review);
    return found;
  } catch (error) {
    onAdmission('error', review, error);
    return reviewAnswer(review, { changes: [], warnings: [] });
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(status === 405 && { allow: 'POST' }),
  });
  response.end(body);
}

/** Reads bodies within limits: on the size of one, on the size of all at once, and on time. */
class BodyReader {
  readonly #clock: Clock;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async read(request: IncomingMessage): Promise<string> {
    if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) throw new Refusal(413);
    const late = this.#clock.setTimeout(() => request.destroy(new Refusal(408)), REQUEST_MS);
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        size += chunk.length;
        this.#bytes += chunk.length;
        if (size > MOST_BYTES) throw new Refusal(413);
        if (this.#bytes > MOST_BYTES_AT_ONCE) throw new Refusal(503);
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    } finally {
      late.cancel();
      this.#bytes -= size;
    }
  }
}
