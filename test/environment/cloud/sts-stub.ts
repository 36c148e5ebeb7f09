import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { AccessKeys } from '../../../simulator/gateway/authentication.ts';

/** STS as far as AssumeRoleWithOIDC goes: its sessions are good at the simulator until they end. */
export class StsStub implements AsyncDisposable {
  /** The tokens that sessions were asked for with, in order. */
  readonly tokens: string[] = [];
  /** While set, every call is refused with this code. */
  refuses: string | undefined;
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

  /** The id of the newest session. */
  get session(): string {
    return `STS.session${this.tokens.length}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    const params = new URLSearchParams(await text(request));
    this.tokens.push(params.get('OIDCToken') ?? '');
    const body = this.refuses === undefined ? this.#openSession() : refusal(this.refuses, this.tokens.at(-1));
    // A turn later, so that calls made at once are here at once.
    setImmediate(() => {
      this.#atOnce--;
      this.lastAt = performance.now();
      response.writeHead(this.refuses === undefined ? 200 : 403, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
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

/** STS quotes the token that it does not take. */
const refusal = (Code: string, token = '') => ({
  RequestId: 'refused',
  Code,
  Message: `The token ${token} is refused by the test.`,
});
