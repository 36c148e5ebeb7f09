import { expect, test } from '@jest/globals';
import type { RefreshRecord } from '../../../src/alibaba/credentials/credentials.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import type { Metrics } from '../../../src/observability/metrics.ts';
import { observeCloud } from '../../../src/operator/cloud-observer.ts';

test('the expiry is that of the credentials that end first, until they have none', () => {
  const shown: number[] = [];
  const metrics = {
    cloud: { credentialsRefreshes: { inc() {} }, credentialsExpiry: { set: (at: number) => shown.push(at) } },
  } as unknown as Metrics;
  const { onRefresh } = observeCloud(metrics, { debug() {} } as unknown as Logger);
  const fetched = (description: string, expiresAt?: number) =>
    onRefresh?.({
      result: 'success',
      reason: 'needed',
      changed: true,
      description,
      expiresAt,
    } as RefreshRecord);
  fetched('a Secret', 5_000);
  fetched('a role', 9_000);
  fetched('a Secret');
  fetched('a Secret', 7_000);
  expect(shown).toEqual([5, 5, 9, 7]);
});
