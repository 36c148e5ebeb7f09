import type http from 'node:http';
import RPCClient from '@alicloud/pop-core';
import { OPERATOR } from '../../api/names.ts';
import type { Clock } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import { WithdrawnError } from '../../cloud/server-groups.ts';
import { isObject } from '../../json.ts';
import { asText, type Reply } from '../api/parse.ts';
import type { CredentialsSource } from '../credentials/credentials.ts';
import { refused, unreadable } from '../errors/errors.ts';
import { networkError } from '../errors/network-errors.ts';
import type { RequestHook } from './agent.ts';
import { type CloudTime, TIME_REFUSED } from './cloud-time.ts';
import { retryAfter } from './retry-after.ts';

export type Params = Readonly<Record<string, string | number | readonly string[] | null | undefined>>;

export interface CallContext {
  readonly group?: GroupRef | undefined;
  /** Number of backends or addresses in the call; for metrics and logs. */
  readonly count?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly mayLeave?: (() => boolean) | undefined;
}

/** One attempt, as passed to `onCall`. `code` is `OK`, the error's code, or `Aborted`. */
export interface CallRecord {
  readonly action: string;
  readonly code: string;
  /** Also if it is STS that throttled. */
  readonly throttled: boolean;
  readonly durationMs: number;
  readonly group?: GroupRef;
  readonly count?: number;
  readonly requestId?: string;
  /** The `Date` of the reply. */
  readonly date?: string;
}

export interface RpcOptions {
  /** Scheme, host and port. */
  readonly endpoint: string;
  readonly apiVersion: string;
  /** `anonymous` sends the call unsigned, as AssumeRoleWithOIDC requires. */
  readonly credentials: CredentialsSource | 'anonymous';
  readonly agent: http.Agent;
  readonly clock: Clock;
  /** Signs the calls; refusals for the timestamp are reported to it. */
  readonly cloudTime: CloudTime;
  /** Limit for the whole call: connection, request and complete reply. */
  readonly timeoutMs: number;
  readonly onCall?: ((record: CallRecord) => void) | undefined;
}

/**
 * Makes one call in the RPC style, signed unless anonymous, and resolves with the parsed reply. Rejects with an `ApiError`,
 * the reason of an aborted signal, or a `WithdrawnError`.
 */
export type Rpc = (action: string, params: Params, context?: CallContext) => Promise<Reply>;

export function createRpc(options: RpcOptions): Rpc {
  const { clock, cloudTime, onCall } = options;
  const client = createPopClient(options);
  return async (action, params, context = {}) => {
    const started = clock.now();
    const usedOffsetMs = cloudTime.offsetMs;
    const exchange: Exchange = { status: undefined, headers: {} };
    const record = (code: string, requestId: string | undefined, throttled = false) => {
      onCall?.({
        action,
        code,
        throttled,
        durationMs: clock.now() - started,
        ...(context.group === undefined ? {} : { group: context.group }),
        ...(context.count === undefined ? {} : { count: context.count }),
        ...(requestId === undefined ? {} : { requestId }),
        ...(exchange.headers.date === undefined ? {} : { date: exchange.headers.date }),
      });
    };
    try {
      const reply = checked(
        await send(client, options, action, params, context, exchange),
        action,
        context,
        exchange,
      );
      record('OK', asText(reply['RequestId']));
      return reply;
    } catch (failure) {
      if (context.signal?.aborted === true) {
        record('Aborted', undefined);
        throw context.signal.reason;
      }
      if (failure instanceof WithdrawnError) throw failure;
      const error = toApiError(failure, action, context.group, exchange, options);
      record(error.code, error.requestId, isThrottled(error));
      if (error.code === TIME_REFUSED) cloudTime.onRefused(usedOffsetMs, exchange.headers.date);
      throw error;
    }
  };
}

/** A refusal of STS has kind credentials, whatever its code means. */
function isThrottled({ kind, code }: ApiError): boolean {
  return kind === 'throttled' || (kind === 'credentials' && code.includes('Throttling'));
}

/** Status and headers of the reply. pop-core parses the body before it checks the status, and drops both if that fails. */
interface Exchange {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
}

class CallTimeout extends Error {}

type PopClient = Pick<RPCClient, 'request'>;

/**
 * pop-core's types lack `credentialsProvider`, and require the key that it makes unnecessary. pop-core queries the provider
 * for every call; if the answer has no keys, the call is sent unsigned.
 */
function createPopClient({ endpoint, apiVersion, credentials }: RpcOptions): PopClient {
  const credentialsProvider = {
    getCredentials: async () => (credentials === 'anonymous' ? {} : credentials.get()),
  };
  const config = { endpoint, apiVersion, credentialsProvider };
  return new RPCClient(config as unknown as RPCClient.Config);
}

/** httpx's timeouts leave connections open, so our own timeout must always fire first. */
const HTTPX_GRACE_MS = 5_000;

/** pop-core supports neither abort signals nor a limit for the whole call: both are done here, and destroy the request. */
function send(
  client: PopClient,
  options: RpcOptions,
  action: string,
  params: Params,
  context: CallContext,
  exchange: Exchange,
): Promise<unknown> {
  const { signal } = context;
  return new Promise((resolve, reject) => {
    let request: http.ClientRequest | undefined;
    let over = false;
    const end = (settle: (value: unknown) => void, value: unknown) => {
      if (over) return;
      over = true;
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      settle(value);
    };
    const abandon = (reason: unknown) => {
      end(reject, reason);
      request?.destroy();
    };
    const onAbort = () => abandon(signal?.reason);
    const timer = options.clock.setTimeout(() => abandon(new CallTimeout()), options.timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) return abandon(signal.reason);
    const beforeRequest = (requestOptions: http.RequestOptions) => {
      if (over) throw new CallTimeout();
      if (context.mayLeave?.() === false) {
        const withdrawn = new WithdrawnError(action);
        abandon(withdrawn);
        throw withdrawn;
      }
      return hooked(requestOptions, (created) => {
        request = created;
        observe(created, exchange);
      });
    };
    client
      .request(action, sendable({ ...params, Timestamp: timestamp(options.cloudTime.now()) }), {
        // Exactly 'POST': otherwise the signed parameters are in the URL, and so in every error message.
        method: 'POST',
        agent: options.agent,
        timeout: options.timeoutMs + HTTPX_GRACE_MS,
        headers: { 'user-agent': OPERATOR, 'x-acs-action': action, 'x-acs-version': options.apiVersion },
        beforeRequest,
      })
      .then(
        (reply) => end(resolve, reply),
        (error: unknown) => end(reject, error),
      );
  });
}

/**
 * The agent's timeout is meant for idle connections; a timeout of 0 disables it while the connection is in use. httpx's own
 * timeout is meant for connecting, but would also cut off a slow reply.
 */
function hooked(
  options: http.RequestOptions,
  onRequest: (request: http.ClientRequest) => void,
): http.RequestOptions & RequestHook {
  return { ...options, timeout: 0, onRequest };
}

function observe(request: http.ClientRequest, exchange: Exchange): void {
  const ignore = () => undefined;
  // httpx removes its own listeners when it is done; an error after that would crash the process.
  request.on('error', ignore);
  request.once('response', (response) => {
    exchange.status = response.statusCode;
    exchange.headers = response.headers;
    response.on('error', ignore);
  });
}

/** In pop-core's own format, in whole seconds; pop-core prefers it to its own timestamp. */
function timestamp(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Drops `undefined` and `null`, which pop-core would send as these words. */
function sendable(params: Params): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** Checks the status too, because pop-core treats any JSON without `Code` as a success. */
function checked(reply: unknown, action: string, context: CallContext, exchange: Exchange): Reply {
  const status = exchange.status;
  const succeeded = status === undefined || (status >= 200 && status < 300);
  if (isObject(reply) && succeeded) return reply;
  const requestId = isObject(reply) ? asText(reply['RequestId']) : undefined;
  throw unreadable(action, context.group, 'the reply is neither a result nor an error of the API', {
    httpStatus: status,
    ...(requestId === undefined ? {} : { requestId }),
  });
}

function toApiError(
  failure: unknown,
  action: string,
  group: GroupRef | undefined,
  exchange: Exchange,
  { timeoutMs, credentials }: RpcOptions,
): ApiError {
  if (failure instanceof ApiError) return failure;
  if (failure instanceof CallTimeout) {
    return unreadable(action, group, `no complete reply within ${timeoutMs} ms`, {
      code: 'Timeout',
      httpStatus: exchange.status,
    });
  }
  const caller = credentials === 'anonymous' ? undefined : credentials;
  const secrets = caller?.secrets() ?? [];
  const data = isObject(failure) ? failure['data'] : undefined;
  const code = isObject(data) ? asText(data['Code']) : undefined;
  if (isObject(data) && code !== undefined) {
    const reply = {
      code,
      text: asText(data['Message']) ?? 'no message',
      requestId: asText(data['RequestId']),
      httpStatus: exchange.status ?? 0,
      retryAfterMs: retryAfter(exchange.headers),
    };
    return refused(action, group, reply, { secrets, roleArn: caller?.roleArn });
  }
  return networkError(failure, action, group, exchange.status, secrets);
}
