import type { Define } from './define.ts';

/** With --webhook-address. */
export function webhookMetrics({ counter, gauge }: Define, results: readonly string[]) {
  return {
    requests: counter(
      'vsgb_webhook_requests_total',
      'Pods that the API server asked the webhook about, by result: changed, unchanged (they lack nothing that they can get), unwanted (no binding wants them), left-alone (by rule), not-ready (the caches are not complete), error. None is refused. refused: requests that were not about a pod.',
      { result: results },
    ),
    certificateExpiry: gauge(
      'vsgb_webhook_certificate_expiry_timestamp_seconds',
      'When the certificate that the webhook is served with expires, as Unix time; 0 while there is none.',
    ),
    certificateFailures: counter(
      'vsgb_webhook_certificate_failures_total',
      "Times that the certificate of the webhook, or the API server's trust in it, could not be read or written.",
    ),
  };
}
