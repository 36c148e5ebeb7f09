import { createHash, createHmac, randomUUID } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { afterEach } from '@jest/globals';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../simulator/simulator.ts';

const running: Simulator[] = [];

/** Starts a simulator that is closed after the test. By default it has load balancer lb-1 with the group rsp-0. */
export async function start(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ groups: ['rsp-0'], seed: 1, ...options });
  running.push(simulator);
  return simulator;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()));
});

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read replies the way scripts do.
  readonly json: any;
}

export interface HttpCall {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly agent?: Agent;
}

/** A plain HTTP exchange; rejects with the socket's error, or if the body is incomplete. */
export function exchange(url: string, call: HttpCall = {}): Promise<HttpReply> {
  const { method = 'GET', path = '/', body = '', agent } = call;
  // Node sends the body of a DELETE only with a Content-Length.
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const headers = { ...call.headers, ...length };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, url),
      { method, headers, agent: agent ?? new Agent() },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const json = text.startsWith('{') ? JSON.parse(text) : undefined;
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export type Params = Readonly<Record<string, string>>;

export interface SignOptions {
  readonly method?: string;
  readonly id?: string;
  readonly secret?: string;
  readonly version?: string;
}

/** The common parameters and the signature, written from the specification rather than with the simulator's code. */
export function signRpc(action: string, params: Params, options: SignOptions = {}): URLSearchParams {
  const { method = 'POST', id = 'testid', secret = 'testsecret', version = '2014-05-15' } = options;
  const all: Record<string, string> = {
    Action: action,
    Version: version,
    Format: 'JSON',
    AccessKeyId: id,
    SignatureMethod: 'HMAC-SHA1',
    SignatureVersion: '1.0',
    SignatureNonce: randomUUID(),
    Timestamp: timestamp(),
    RegionId: 'cn-hangzhou',
    ...params,
  };
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const canonical = Object.keys(all)
    .sort()
    .map((name) => `${encode(name)}=${encode(all[name]!)}`)
    .join('&');
  const signature = createHmac('sha1', `${secret}&`)
    .update(`${method}&%2F&${encode(canonical)}`)
    .digest('base64');
  return new URLSearchParams({ ...all, Signature: signature });
}

/** A signed call, sent as pop-core sends a POST. */
export function call(
  simulator: { url: string },
  action: string,
  params: Params = {},
  options: SignOptions & { agent?: Agent } = {},
): Promise<HttpReply> {
  const { agent, ...sign } = options;
  return exchange(simulator.url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: signRpc(action, params, sign).toString(),
    ...(agent ? { agent } : {}),
  });
}

export const ECS = { version: '2014-05-26' };

/** A call on the group rsp-0 with these backends. */
export function write(
  simulator: { url: string },
  verb: 'Add' | 'Remove',
  backends: unknown,
  group = 'rsp-0',
) {
  return call(simulator, `${verb}VServerGroupBackendServers`, {
    VServerGroupId: group,
    BackendServers: typeof backends === 'string' ? backends : JSON.stringify(backends),
  });
}

export function eni(
  n: number,
  port = 80,
): { ServerId: string; ServerIp: string; Port: number; Type: string } {
  return { ServerId: `eni-${n}`, ServerIp: `10.0.0.${n}`, Port: port, Type: 'eni' };
}

/** The headers of an ACS3 request, written from the specification; accept and user-agent are signed as in the SDK. */
export function signAcs3(
  url: string,
  query: URLSearchParams,
  headers: Params,
  body = '',
  secret = 'testsecret',
): Params {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const all: Record<string, string> = {
    accept: 'application/json',
    host: new URL(url).host,
    'user-agent': 'sdk/1.0 (test)',
    'x-acs-content-sha256': sha256(body),
    'x-acs-date': timestamp(),
    'x-acs-signature-nonce': randomUUID(),
    'x-acs-version': '2014-05-15',
    ...headers,
  };
  const names = Object.keys(all).sort();
  const sorted = [...query].sort(([a], [b]) => (a < b ? -1 : 1));
  const canonicalQuery = sorted
    .map(([k, v]) => `${k}=${encodeURIComponent(v).replaceAll('*', '%2A')}`)
    .join('&');
  const canonical = [
    'POST',
    '/',
    canonicalQuery,
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    sha256(body),
  ];
  const signature = createHmac('sha256', secret)
    .update(`ACS3-HMAC-SHA256\n${sha256(canonical.join('\n'))}`)
    .digest('hex');
  const authorization = `ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=${names.join(';')},Signature=${signature}`;
  return { ...all, authorization };
}

export function timestamp(ms = Date.now()): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
