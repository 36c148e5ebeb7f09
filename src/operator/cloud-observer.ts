import type { CloudObserver } from '../alibaba/cloud.ts';
import type { RateLimiter } from '../alibaba/throttle.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

/** Tells metrics and log of the cloud API. */
export function observeCloud(metrics: Metrics, logger: Logger): CloudObserver {
  return {
    onCall({ action, code, durationMs, group, count, requestId }) {
      metrics.apiCall(action, code, durationMs / 1000);
      if (code.includes('Throttling')) metrics.cloud.throttled.inc();
      logger.debug('API call', { action, code, durationMs, group: group?.id, count, requestId });
    },
    onClockOffset(offsetMs) {
      const offsetSeconds = Math.round(offsetMs / 1000);
      metrics.cloud.clockOffset.set(offsetSeconds);
      if (offsetSeconds === 0) {
        logger.info("Calls are signed with the time of the node's clock again");
        return;
      }
      const off = `${Math.abs(offsetSeconds)} s ${offsetSeconds > 0 ? 'behind' : 'ahead of'}`;
      logger.warn(`The node's clock is ${off} the cloud's: set it. Calls are signed with the cloud's time`, {
        offsetSeconds,
      });
    },
    onEniAnswer(result) {
      metrics.cloud.eniLookups.inc({ result });
    },
    onRefresh({ result, reason, description, expiresAt, error }) {
      metrics.cloud.credentialsRefreshes.inc({ result });
      if (error !== undefined) {
        logger.error('Credentials could not be fetched', { from: description, reason, error });
        return;
      }
      metrics.cloud.credentialsExpiry.set(expiresAt === undefined ? 0 : expiresAt / 1000);
      logger.debug('Credentials fetched', { from: description, reason });
    },
  };
}

export function showRateLimiter({ cloud, onScrape }: Metrics, limiter: RateLimiter): void {
  onScrape(() => {
    cloud.rate.set(limiter.rate);
    for (const [priority, calls] of Object.entries(limiter.waiting)) cloud.waiting.set({ priority }, calls);
  });
}
