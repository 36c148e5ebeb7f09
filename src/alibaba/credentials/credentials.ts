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
  /** Wall-clock milliseconds; absent: they do not expire. */
  readonly expiresAt?: number;
}

/** One way to get credentials; `load` fetches them anew each time and keeps nothing. */
export interface CredentialsProvider {
  readonly description: string;
  load(): Promise<Credentials>;
  /** Credentials may change without expiring (a mounted Secret): look again after so long. */
  readonly reloadAfterMs?: number;
  /** How soon after a load another one may be asked for. Default: 5 s, so that a service is not asked by each refused call. */
  readonly refreshIntervalMs?: number;
  close?(): void;
}

export interface CredentialsSource {
  /** At once while what is known is good. Rejects with an `ApiError`. Called once at start-up, it is the warm-up. */
  get(): Promise<Credentials>;
  /**
   * Fetches credentials anew because the API refused them. Many callers share one fetch, and a fetch that ended a
   * moment ago counts. Rejects when none could be had.
   */
  refresh(reason: string): Promise<void>;
  /** The values that must not be shown. */
  secrets(): readonly (string | undefined)[];
  close(): void;
}

export interface RefreshRecord {
  readonly result: 'success' | 'failure';
  readonly reason: string;
  readonly description: string;
  readonly changed: boolean;
  readonly expiresAt?: number;
  readonly error?: ApiError;
}

export interface CredentialsOptions {
  readonly clock: Clock;
  /** What expiries are read by: they are the cloud's. */
  readonly cloudTime: Pick<CloudTime, 'now'>;
  readonly onRefresh?: (record: RefreshRecord) => void;
}

/** As the vendor's SDKs do; less when the session is short. */
const REFRESH_BEFORE_EXPIRY_MS = 15 * 60_000;
/** Not handed out in their last moments: the call would arrive with expired ones. */
const UNUSABLE_BEFORE_EXPIRY_MS = 30_000;
const RETRY = { baseMs: 1_000, capMs: 60_000, jitter: 0 };
/** A refresh that ended so recently answers those who ask for another. */
const REFRESH_INTERVAL_MS = 5_000;

/**
 * Keeps one set of credentials good: fetched by one caller at a time, renewed in the background well before it
 * expires, and fetched by a fresh provider each time. The vendor's default chain does none of this: two first calls
 * at once make one fail, and one early failure pins it to its last provider for ever.
 */
export function createCredentialsSource(
  provider: CredentialsProvider,
  { clock, cloudTime, onRefresh }: CredentialsOptions,
): CredentialsSource {
  let current: Credentials | undefined;
  /** `Clock.now()` milliseconds, so that no jump of the wall clock ends or prolongs a session. */
  let usableUntil = Number.NEGATIVE_INFINITY;
  /** Calls made with these may still be answered. */
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
    timer = clock.setTimeout(
      () => void load(lastError === undefined ? 'renewal' : 'retry').catch(() => undefined),
      delay,
    );
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
      const { expiresAt } = loaded;
      onRefresh?.({
        ...report,
        result: 'success',
        changed,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
      return loaded;
    } catch (failure) {
      lastError = toApiError(failure, provider);
      failures += 1;
      onRefresh?.({ ...report, result: 'failure', changed: false, error: lastError });
      throw lastError;
    }
  };

  return {
    async get() {
      if (current !== undefined && usable()) return current;
      // The back-off's timer fetches next; until then everybody gets the last answer instead of a request each.
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
    close() {
      closed = true;
      timer?.cancel();
      provider.close?.();
    },
  };
}

/** One that is handed out expired is taken as it is: the clock may be what is wrong, and whether it is good the API tells. */
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
