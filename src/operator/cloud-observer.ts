import type { Cloud, CloudObserver } from '../alibaba/cloud.ts';
import { CALL_PRIORITIES } from '../alibaba/throttle.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';

/** Records the activity of the cloud API client in metrics and log. */
export function observeCloud(metrics: Metrics, logger: Logger): CloudObserver {
  return {
    onCall({ action, code, throttled, durationMs, group, count, requestId }) {
      metrics.apiCall(action, code, durationMs / 1000);
      if (throttled) metrics.cloud.throttled.inc();
      const { id, account } = group ?? {};
      logger.debug('API call', { action, code, durationMs, group: id, account, count, requestId });
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
    onRefresh({ result, reason, description, error }) {
      metrics.cloud.credentialsRefreshes.inc({ result });
      if (error !== undefined) {
        logger.error('Credentials could not be fetched', { from: description, reason, error });
        return;
      }
      logger.debug('Credentials fetched', { from: description, reason });
    },
  };
}

/** Exports when the first credentials in use expire; 0 if none do. */
export function showExpiry({ cloud, onScrape }: Metrics, { expiries }: Pick<Cloud, 'expiries'>): void {
  onScrape(() => {
    const all = expiries();
    cloud.credentialsExpiry.set(all.length === 0 ? 0 : Math.min(...all) / 1000);
  });
}

/** Exports the lowest rate of all accounts, and the calls that wait in any of them. */
export function showRateLimiters({ cloud, onScrape }: Metrics, { limiters }: Pick<Cloud, 'limiters'>): void {
  onScrape(() => {
    const all = limiters();
    cloud.rate.set(Math.min(...all.map(({ rate }) => rate)));
    for (const priority of CALL_PRIORITIES) {
      const calls = all.reduce((sum, { waiting }) => sum + waiting[priority], 0);
      cloud.waiting.set({ priority }, calls);
    }
  });
}
