import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** For each label, the values known from the start; other values create their series later. */
type Labels<L extends string> = Readonly<Record<L, readonly string[]>>;

/**
 * The three kinds of metrics, on one registry. Series of known values exist with value 0 before anything happens; they have
 * all labels, in the given order.
 */
export function define(registry: Registry) {
  const registers = [registry];
  const namesOf = <L extends string>(labels: Labels<L>) => Object.keys(labels) as L[];
  return {
    counter<L extends string = never>(name: string, help: string, labels = {} as Labels<L>): Counter<L> {
      const counter = new Counter<L>({ name, help, labelNames: namesOf(labels), registers });
      for (const series of seriesOf(labels)) counter.inc(series, 0);
      return counter;
    },
    gauge<L extends string = never>(name: string, help: string, labels = {} as Labels<L>): Gauge<L> {
      const gauge = new Gauge<L>({ name, help, labelNames: namesOf(labels), registers });
      for (const series of seriesOf(labels)) gauge.set(series, 0);
      return gauge;
    },
    histogram<L extends string = never>(
      name: string,
      help: string,
      buckets: number[],
      labels = {} as Labels<L>,
    ): Histogram<L> {
      const histogram = new Histogram<L>({ name, help, buckets, labelNames: namesOf(labels), registers });
      for (const series of seriesOf(labels)) histogram.zero(series);
      return histogram;
    },
  };
}

/** Every combination of known values. */
function seriesOf<L extends string>(labels: Labels<L>): Record<L, string>[] {
  return Object.entries<readonly string[]>(labels).reduce<Record<string, string>[]>(
    (all, [label, values]) => all.flatMap((series) => values.map((value) => ({ ...series, [label]: value }))),
    [{}],
  );
}

export type Define = ReturnType<typeof define>;

/** From 10 ns to 1000 s, like client-go's work queue, so that dashboards for it work. */
export const QUEUE_BUCKETS = Array.from({ length: 12 }, (_, index) => 1e-8 * 10 ** index);

/** The same as controller-runtime's. */
export const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5,
  1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

export const API_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

/** From an in-memory hop to a drain or an outage. */
export const DELAY_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10, 20, 30, 60,
];
