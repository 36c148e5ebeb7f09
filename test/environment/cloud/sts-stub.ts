import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { AccessKeys } from '../../../simulator/gateway/authentication.ts';
import type { ApiError } from '../../../simulator/gateway/errors.ts';
import { type ApiRequest, parseRequest } from '../../../simulator/gateway/request.ts';

/**
 * The AssumeRoleWithOIDC and AssumeRole actions of STS; the simulator accepts their sessions until they expire. AssumeRole accepts
 * the same callers as the simulator.
 */
export class StsStub implements AsyncDisposable {
  /** The tokens presented for sessions, in order. */
  readonly tokens: string[] = [];
  /** Who assumed which role with which external ID: `key role external-id`, in order. */
  readonly assumed: string[] = [];
  /** While set, every call is rejected with this code. */
  refuses: string | undefined;
  /** While set, a role is only assumed with this external ID. */
  wants: string | undefined;
  lifetimeMs: number;
  mostAtOnce = 0;
  lastAt = 0;
  #atOnce = 0;
  readonly #server: http.Server;
  readonly #accessKeys: AccessKeys;

  private constructor(accessKeys: AccessKeys, lifetimeMs: number) {
    this.#accessKeys = accessKeys;
    this.lifetimeMs = lifetimeMs;
    this.#server = http.createServer((request, response) => void this.#answer(request, response));
  }

  static async start(accessKeys: AccessKeys, lifetimeMs: number): Promise<StsStub> {
    const stub = new StsStub(accessKeys, lifetimeMs);
    await new Promise<void>((resolve) => stub.#server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The ID of the newest session. */
  get session(): string {
    return `STS.session${this.tokens.length}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    const { method = '', url = '', headers } = request;
    const call = parseRequest({ method, url, headers, body: await buffer(request) });
    this.tokens.push(call.params.get('OIDCToken') ?? '');
    const refuses = this.#refusal(call);
    const body = refuses === undefined ? this.#openSession() : refusal(refuses, this.tokens.at(-1));
    // Answers one turn later, so that calls made at the same time are counted together.
    setImmediate(() => {
      this.#atOnce--;
      this.lastAt = performance.now();
      response.writeHead(refuses === undefined ? 200 : 403, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  }

  #refusal(call: ApiRequest): string | undefined {
    if (this.refuses !== undefined || call.action !== 'AssumeRole') return this.refuses;
    try {
      this.#accessKeys.authenticate(call);
    } catch (error) {
      return (error as ApiError).code;
    }
    const { params, accessKeyId } = call;
    const externalId = params.get('ExternalId');
    if (this.wants !== undefined && externalId !== this.wants) return 'NoPermission';
    this.assumed.push([accessKeyId, params.get('RoleArn'), externalId].join(' '));
    return undefined;
  }

  #openSession(): object {
    const id = this.session;
    const [secret, securityToken] = [`secret of ${id}`, `token of ${id}`];
    const expiresAt = Date.now() + this.lifetimeMs;
    this.#accessKeys.set({ id, secret, securityToken, expiresAt });
    const Expiration = new Date(expiresAt).toISOString();
    return {
      RequestId: id,
      Credentials: { AccessKeyId: id, AccessKeySecret: secret, SecurityToken: securityToken, Expiration },
    };
  }
}

/** STS quotes the token that it rejects. */
const refusal = (Code: string, token = '') => ({
  RequestId: 'refused',
  Code,
  Message: `The token ${token} is refused by the test.`,
});
