import { expect, test } from '@jest/globals';
import { createMetrics, type Metrics } from '../../../src/observability/metrics.ts';
import { observeCloud, showExpiry } from '../../../src/operator/cloud-observer.ts';

test('the expiry is that of the credentials that end first; 0 if none do', () => {
  let scrape = () => {};
  let shown: number | undefined;
  let expiries: readonly number[] = [];
  const metrics = {
    onScrape: (listener: () => void) => {
      scrape = listener;
    },
    cloud: {
      credentialsExpiry: {
        set: (at: number) => {
          shown = at;
        },
      },
    },
  } as unknown as Metrics;
  showExpiry(metrics, { expiries: () => expiries });
  const shownFor = (...now: readonly number[]) => {
    expiries = now;
    scrape();
    return shown;
  };
  expect([shownFor(), shownFor(9_000, 5_000), shownFor(9_000), shownFor()]).toEqual([0, 5, 9, 0]);
});

test('what is told as throttled is counted, whatever its code', async () => {
  const nothing = { controllers: [], resources: [], actions: [], backendStates: [] };
  const metrics = createMetrics({ version: '1', ...nothing });
  const logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
  const { onCall } = observeCloud(metrics, logger);
  const call = { action: 'DescribeVServerGroupAttribute', durationMs: 1 };
  onCall?.({ ...call, code: 'Throttling', throttled: true });
  onCall?.({ ...call, code: 'FlowControl', throttled: true });
  onCall?.({ ...call, code: 'OK', throttled: false });
  expect((await metrics.cloud.throttled.get()).values).toMatchObject([{ value: 2 }]);
});
