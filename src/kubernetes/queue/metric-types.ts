/** The metrics that the queue and the loop need; those of prom-client fit as they are. */
export interface Counter<Label extends string> {
  inc(labels: Readonly<Record<Label, string>>): void;
}

export interface Gauge<Label extends string> {
  set(labels: Readonly<Record<Label, string>>, value: number): void;
}

export interface Histogram<Label extends string> {
  observe(labels: Readonly<Record<Label, string>>, value: number): void;
}
