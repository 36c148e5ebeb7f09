import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { forgetOldest } from '../../forget-oldest.ts';
import { asArray, asObject, asString } from '../../json.ts';
import type { KubeTransport } from './transport-types.ts';

/** unauthenticated: an unknown token. forbidden: its user lacks the permission. */
export type AccessReview = 'allowed' | 'unauthenticated' | 'forbidden';

export interface RequestGuardOptions {
  readonly transport: Pick<KubeTransport, 'request'>;
  readonly clock: Clock;
  /** The required permission: `verb` on a non-resource `path`. */
  readonly verb: string;
  readonly path: string;
}

const KEPT_MS = 60_000;
const MOST_KEPT = 256;
/** Anyone can send tokens to review, so their reviews must not crowd out our other requests to the API server. */
const MOST_AT_ONCE = 8;
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Asks the API server whose bearer token it is (TokenReview) and whether that user has the permission (SubjectAccessReview).
 * The verdict is cached for a minute, and concurrent checks share it. `check` rejects if there is no verdict; the request
 * must then be denied.
 */
export class RequestGuard {
  readonly #options: RequestGuardOptions;
  /** By the token's digest, oldest first. */
  readonly #verdicts = new Map<string, { readonly until: number; readonly verdict: Promise<AccessReview> }>();
  #asking = 0;

  constructor(options: RequestGuardOptions) {
    this.#options = options;
  }

  check(token: string): Promise<AccessReview> {
    const now = this.#options.clock.now();
    const key = createHash('sha256').update(token).digest('base64');
    const kept = this.#verdicts.get(key);
    if (kept !== undefined && now < kept.until) return kept.verdict;
    if (this.#asking >= MOST_AT_ONCE) return Promise.reject(new Error('too many tokens to review at once'));
    const verdict = this.#ask(token);
    this.#verdicts.delete(key);
    this.#verdicts.set(key, { until: now + KEPT_MS, verdict });
    verdict.catch(() => this.#verdicts.delete(key));
    forgetOldest(this.#verdicts, MOST_KEPT);
    return verdict;
  }

  async #ask(token: string): Promise<AccessReview> {
    this.#asking++;
    try {
      const { authenticated, user } = await this.#review('authentication.k8s.io', 'TokenReview', { token });
      if (authenticated !== true) return 'unauthenticated';
      const { username, uid, groups, extra } = asObject(user);
      const { verb, path } = this.#options;
      const { allowed } = await this.#review('authorization.k8s.io', 'SubjectAccessReview', {
        user: asString(username),
        uid: asString(uid),
        groups: asArray(groups),
        extra: asObject(extra),
        nonResourceAttributes: { verb, path },
      });
      return allowed === true ? 'allowed' : 'forbidden';
    } finally {
      this.#asking--;
    }
  }

  async #review(group: string, kind: string, spec: object) {
    const reply = await this.#options.transport.request('POST', `/apis/${group}/v1/${kind.toLowerCase()}s`, {
      body: { apiVersion: `${group}/v1`, kind, spec },
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    return asObject(asObject(reply)['status']);
  }
}
