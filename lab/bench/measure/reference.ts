/**
 * What the Cloud Controller Manager did in the same scenarios: measured once, before this project, on one machine with
 * the same control plane and an API that answers in 20 ms; the benchmark does not measure it again. Delay from the
 * Endpoints event to the Remove call, in milliseconds.
 */
export interface Reference {
  readonly scenario: string;
  readonly calls: number;
  readonly p50?: number;
  readonly max?: number;
}

export const CCM: readonly Reference[] = [
  { scenario: 'one-by-one', calls: 254, p50: 147, max: 221 },
  { scenario: 'at-once', calls: 35, p50: 196, max: 377 },
  { scenario: 'rolling-restart', calls: 169, p50: 328, max: 625 },
  { scenario: 'busy', calls: 255 },
  { scenario: 'node', calls: 721, p50: 6_733, max: 12_178 },
  { scenario: 'start-100x4', calls: 902 },
];
