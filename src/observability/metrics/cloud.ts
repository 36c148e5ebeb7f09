import { API_BUCKETS, type Define } from './define.ts';

/** Calls to the SLB and ECS APIs, their rate and their credentials. */
export function cloudMetrics({ counter, gauge, histogram }: Define, actions: readonly string[]) {
  return {
    requests: counter(
      'vsgb_api_requests_total',
      "Cloud API calls by action and code: OK, the API's error code, or the kind of network error.",
      { action: actions, code: ['OK'] },
    ),
    requestSeconds: histogram(
      'vsgb_api_request_duration_seconds',
      'Duration of a cloud API call.',
      API_BUCKETS,
      { action: actions },
    ),
    throttled: counter('vsgb_api_throttled_total', 'Calls that the API throttled.'),
    waiting: gauge('vsgb_api_waiting_calls', 'Calls waiting for the rate limiter, by priority.', {
      priority: ['removal', 'read', 'addition', 'health'],
    }),
    rate: gauge(
      'vsgb_api_rate_limit',
      'Calls per second allowed now; less than --api-qps after throttling. Of several accounts, the lowest.',
    ),
    clockOffset: gauge(
      'vsgb_cloud_clock_offset_seconds',
      "How far the cloud's clock is ahead of the operator's; 0 while no call is refused for it.",
    ),
    credentialsExpiry: gauge(
      'vsgb_credentials_expiry_timestamp_seconds',
      'Unix time at which the credentials expire; 0 if never or unknown. Of several, the first.',
    ),
    credentialsRefreshes: counter('vsgb_credentials_refreshes_total', 'Credential fetches by result.', {
      result: ['success', 'failure'],
    }),
    eniLookups: counter(
      'vsgb_eni_lookups_total',
      'Lookups of pod addresses by result: found, missing or failed.',
      { result: ['found', 'missing', 'failed'] },
    ),
  };
}

const MAX_CODES = 100;

/** Maps a code to a label: `Other` for what does not look like a code and for all codes after the first 100, as codes come from outside. */
export function codeLabels(): (code: string) => string {
  const seen = new Set<string>();
  return (code) => {
    if (seen.has(code)) return code;
    if (seen.size >= MAX_CODES || !/^[A-Za-z][A-Za-z0-9._-]{0,79}$/.test(code)) return 'Other';
    seen.add(code);
    return code;
  };
}
