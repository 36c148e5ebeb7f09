import { expect, test } from '@jest/globals';
import type { Metrics } from '../../../src/observability/metrics.ts';
import { showExpiry } from '../../../src/operator/cloud-observer.ts';

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
