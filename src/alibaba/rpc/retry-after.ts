import type http from 'node:http';

/**
 * How long to wait, in ms. Reads `x-acs-retry-after` (milliseconds, as in the vendor's command line), the older
 * `x-ratelimit-user[-api]` ("…TimeLeft:ms"), or the standard `retry-after` (seconds).
 */
export function retryAfter(headers: http.IncomingHttpHeaders): number | undefined {
  const limits = [headers['x-ratelimit-user-api'], headers['x-ratelimit-user']].map(
    (header) => /TimeLeft:\s*(\d{1,9})/i.exec(String(header ?? ''))?.[1],
  );
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  const candidates = [
    Number(headers['x-acs-retry-after'] ?? Number.NaN),
    ...limits.map((limit) => Number(limit ?? Number.NaN)),
    seconds * 1000,
  ];
  const found = candidates.find((ms) => Number.isFinite(ms) && ms >= 0);
  return found === undefined ? undefined : Math.min(found, MAX_RETRY_AFTER_MS);
}

/** A longer wait is a misreading or the server's mistake; removals must not wait for it. */
const MAX_RETRY_AFTER_MS = 60_000;
