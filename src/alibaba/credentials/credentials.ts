import { backoffMs } from '../../backoff.ts';
import type { Clock, Timer } from '../../clock.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { isObject } from '../../json.ts';
import { asText } from '../api/parse.ts';
import { createApiError } from '../errors/errors.ts';
import type { CloudTime } from '../rpc/cloud-time.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
  /** Wall-clock milliseconds; absent if they do not expire. */
  readonly expiresAt?: number;
}

/** One way to get credentials; `load` always fetches them and caches nothing. */
export interface CredentialsProvider {
  readonly description: string;
  /** The role whose sessions they are. */
  readonly roleArn?: string | undefined;
  load(): Promise<Credentials>;
  /** Set if credentials can change without expiring, as in a mounted Secret: how often to reload them. */
  readonly reloadAfterMs?: number;
  /** Shortest time between two loads. Default: 5 s, so that not every refused call sends a request to the service. */
  readonly refreshIntervalMs?: number;
  /** Asked before a load that nobody waits for. False: the credentials are given up instead, until the next `get`. */
  isNeeded?(): boolean;
  close?(): void;
}

export interface CredentialsSource {
  /** The role whose sessions they are. */
  readonly roleArn?: string | undefined;
  /** Resolves immediately while the cached credentials are valid. Rejects with an `ApiError`. Call it once at start-up to warm up. */
  get(): Promise<Credentials>;
  /**
   * Fetches credentials again because the API refused them. Concurrent callers share one fetch, and a fetch that ended a
   * moment ago counts as theirs. Rejects if the fetch failed.
   */
  refresh(reason: string): Promise<void>;
  /** The values that must not appear in logs and messages. */
  secrets(): readonly (string | undefined)[];
  /** When the cached credentials expire, in wall-clock milliseconds; undefined if there are none, or if they do not. */
  expiresAt(): number | undefined;
  close(): void;
}

export interface RefreshRecord {
  readonly result: 'success' | 'failure';
  readonly reason: string;
  readonly description: string;
  readonly changed: boolean;
  readonly error?: ApiError;
}

export interface CredentialsOptions {
  readonly clock: Clock;
  /** Expiry times are compared with this clock, because the cloud sets them. */
  readonly cloudTime: Pick<CloudTime, 'now'>;
  readonly onRefresh?: (record: RefreshRecord) => void;
}

/** The same as the vendor's SDKs; less for short sessions. */
const REFRESH_BEFORE_EXPIRY_MS = 15 * 60_000;
/** Credentials this close to their expiry are not returned: they would have expired when the call arrives. */
const UNUSABLE_BEFORE_EXPIRY_MS = 30_000;
const RETRY = { baseMs: 1_000, capMs: 60_000, jitter: 0 };
/** A refresh that ended this recently counts for later requests to refresh, too. */
const REFRESH_INTERVAL_MS = 5_000;

/**
 * Keeps one set of credentials valid: runs one fetch at a time and renews in the background well before expiry. The
 * vendor's default chain does neither: of two concurrent first calls one fails, and one early failure pins the chain to its
 * last provider for good.
 */
export function createCredentialsSource(
  provider: CredentialsProvider,
  { clock, cloudTime, onRefresh }: CredentialsOptions,
): CredentialsSource {
  let current: Credentials | undefined;
  /** In `Clock.now()` milliseconds, so that a jump of the wall clock neither ends nor extends a session. */
  let usableUntil = Number.NEGATIVE_INFINITY;
  /** Replies to calls made with these may still arrive. */
  let previous: Credentials | undefined;
  let loading: Promise<Credentials> | undefined;
  let lastError: ApiError | undefined;
  let failures = 0;
  let endedAt = Number.NEGATIVE_INFINITY;
  let timer: Timer | undefined;
  let closed = false;

  const { refreshIntervalMs = REFRESH_INTERVAL_MS } = provider;
  const justFetched = () => loading === undefined && clock.now() - endedAt < refreshIntervalMs;
  const usable = () => current !== undefined && clock.now() < usableUntil;

  const schedule = () => {
    timer?.cancel();
    timer = undefined;
    const delay =
      lastError === undefined
        ? renewalDelay(provider, current, cloudTime.now())
        : backoffMs(failures - 1, RETRY);
    if (closed || delay === undefined) return;
    timer = clock.setTimeout(() => {
      if (provider.isNeeded?.() === false) giveUp();
      else void load(lastError === undefined ? 'renewal' : 'retry').catch(() => undefined);
    }, delay);
  };

  const giveUp = () => {
    previous = current ?? previous;
    current = undefined;
    lastError = undefined;
    failures = 0;
  };

  const load = (reason: string): Promise<Credentials> => {
    loading ??= fetch(reason).finally(() => {
      loading = undefined;
      endedAt = clock.now();
      schedule();
    });
    return loading;
  };

  const fetch = async (reason: string): Promise<Credentials> => {
    const report = { reason, description: provider.description };
    try {
      const loaded = await provider.load();
      const changed = !sameCredentials(current, loaded);
      if (changed) previous = current;
      current = loaded;
      usableUntil = clock.now() + Math.max(refreshIntervalMs, usableFor(loaded, cloudTime.now()));
      lastError = undefined;
      failures = 0;
      onRefresh?.({ ...report, result: 'success', changed });
      return loaded;
    } catch (failure) {
      lastError = toApiError(failure, provider);
      failures += 1;
      onRefresh?.({ ...report, result: 'failure', changed: false, error: lastError });
      throw lastError;
    }
  };

  return {
    roleArn: provider.roleArn,
    async get() {
      if (current !== undefined && usable()) return current;
      // The next fetch is due when the back-off timer fires; until then all callers get the last error.
      if (loading === undefined && lastError !== undefined && timer !== undefined) throw lastError;
      return load('needed');
    },
    async refresh(reason) {
      if (justFetched()) {
        if (lastError !== undefined) throw lastError;
        return;
      }
      await load(reason);
    },
    secrets: () =>
      [current, previous].flatMap((known) => [
        known?.accessKeySecret,
        known?.securityToken,
        known?.accessKeyId,
      ]),
    expiresAt: () => current?.expiresAt,
    close() {
      closed = true;
      timer?.cancel();
      provider.close?.();
    },
  };
}

/** Credentials that arrive already expired are used anyway: our clock may be wrong, and the API decides whether they are valid. */
function usableFor({ expiresAt }: Credentials, now: number): number {
  if (expiresAt === undefined || expiresAt <= now) return Number.POSITIVE_INFINITY;
  return expiresAt - now - UNUSABLE_BEFORE_EXPIRY_MS;
}

function renewalDelay(
  provider: CredentialsProvider,
  credentials: Credentials | undefined,
  now: number,
): number | undefined {
  if (credentials?.expiresAt === undefined) return provider.reloadAfterMs;
  const left = credentials.expiresAt - now;
  const beforeEnd = Math.max(RETRY.baseMs, left - Math.min(REFRESH_BEFORE_EXPIRY_MS, left / 2));
  const delay = left > 0 ? beforeEnd : RETRY.capMs;
  return Math.min(delay, provider.reloadAfterMs ?? delay);
}

export function sameCredentials(a: Credentials | undefined, b: Credentials | undefined): boolean {
  return (
    a?.accessKeyId === b?.accessKeyId &&
    a?.accessKeySecret === b?.accessKeySecret &&
    a?.securityToken === b?.securityToken
  );
}

function toApiError(failure: unknown, provider: CredentialsProvider): ApiError {
  if (failure instanceof ApiError) return failure;
  const reason = isObject(failure) ? (asText(failure['message']) ?? 'unknown failure') : String(failure);
  return createApiError({
    action: 'GetCredentials',
    code: 'CredentialsUnavailable',
    text: `no credentials from ${provider.description}: ${reason}`,
    kind: 'credentials',
    outcome: 'refused',
  });
}
