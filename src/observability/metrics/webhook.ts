import type { Define } from './define.ts';

/** Metrics of the webhook (--webhook-address). */
export function webhookMetrics({ counter, gauge }: Define, results: readonly string[]) {
  return {
    requests: counter(
      'vsgb_webhook_requests_total',
      'Admission requests by result: changed, unchanged (nothing missing that the pod can get), unwanted (by no binding), left-alone (by rule), not-ready (caches incomplete, or the namespace may not be read), error; refused: not about a pod.',
      { result: results },
    ),
    certificateExpiry: gauge(
      'vsgb_webhook_certificate_expiry_timestamp_seconds',
      "Unix time at which the webhook's certificate expires; 0 while there is none.",
    ),
    certificateFailures: counter(
      'vsgb_webhook_certificate_failures_total',
      "Failed reads and writes of the webhook's certificate, or of the API server's trust in it.",
    ),
  };
}
