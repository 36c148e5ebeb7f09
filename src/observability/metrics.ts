import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';
import { cloudMetrics, codeLabels } from './metrics/cloud.ts';
import { clusterMetrics } from './metrics/cluster.ts';
import { define } from './metrics/define.ts';
import { groupMetrics } from './metrics/groups.ts';
import { runtimeMetrics } from './metrics/runtime.ts';
import { webhookMetrics } from './metrics/webhook.ts';

/** The label values known from the start: their series exist with value 0 before anything happens. */
export interface KnownLabels {
  readonly version: string;
  readonly controllers: readonly string[];
  readonly resources: readonly string[];
  readonly actions: readonly string[];
  /** The states of a backend, as in status.backends[].state. */
  readonly backendStates: readonly string[];
  /** The results of a request to the webhook. */
  readonly webhookResults?: readonly string[];
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Creates all metrics of the process, grouped by its parts. */
export function createMetrics({
  version,
  controllers,
  resources,
  actions,
  backendStates,
  webhookResults = [],
}: KnownLabels) {
  const registry = new Registry();
  const kinds = define(registry);
  const groups = groupMetrics(kinds);
  const cloud = cloudMetrics(kinds, actions);
  const codeLabel = codeLabels();
  kinds
    .gauge('vsgb_build_info', 'The version that runs; always 1.', { version: [], node: [] })
    .set({ version, node: process.version }, 1);
  const beforeScrape: (() => void)[] = [];

  return {
    runtime: runtimeMetrics(kinds, controllers),
    cluster: clusterMetrics(kinds, resources),
    groups,
    cloud,
    webhook: webhookMetrics(kinds, webhookResults),

    apiCall(action: string, code: string, seconds: number): void {
      cloud.requests.inc({ action, code: codeLabel(code) });
      cloud.requestSeconds.observe({ action }, seconds);
    },

    /** Sets the number of a binding's backends in each state; 0 for a state that is not given. */
    setBackends(namespace: string, name: string, counts: Readonly<Record<string, number>>): void {
      for (const state of backendStates) groups.backends.set({ namespace, name, state }, counts[state] ?? 0);
    },

    /** Sets how many pods of a binding lack what they need to come and go without failed requests; undefined if not known. */
    setUnprepared(
      namespace: string,
      name: string,
      without: Readonly<Record<'hold' | 'gate', number | undefined>>,
    ): void {
      const show = (gauge: Gauge<'namespace' | 'name'>, count: number | undefined) => {
        if (count === undefined) gauge.remove({ namespace, name });
        else gauge.set({ namespace, name }, count);
      };
      show(groups.podsWithoutHold, without.hold);
      show(groups.podsWithoutGate, without.gate);
    },

    /** Removes the series of a binding that is gone. */
    forgetBinding(namespace: string, name: string): void {
      for (const state of backendStates) groups.backends.remove({ namespace, name, state });
      groups.stalled.remove({ namespace, name });
      groups.nodesNotReady.remove({ namespace, name });
      this.setUnprepared(namespace, name, { hold: undefined, gate: undefined });
    },

    /** Sets, for each group, the longest time in milliseconds that a backend has waited to leave it. */
    setOldestLeavers(leavers: Iterable<{ readonly group: string; readonly ms: number }>): void {
      groups.oldestLeaver.reset();
      let count = 0;
      for (const { group, ms } of leavers) {
        groups.oldestLeaver.set({ group }, ms / 1000);
        count++;
      }
      groups.groups.set(count);
    },

    /** Calls `update` before each scrape, to set gauges whose values are kept elsewhere. */
    onScrape(update: () => void): void {
      beforeScrape.push(update);
    },

    /** Adds nodejs_* and process_*: event loop, heap, CPU, file descriptors. */
    collectProcessMetrics(): void {
      collectDefaultMetrics({ register: registry });
    },

    registry,
    contentType: registry.contentType,
    render(): Promise<string> {
      for (const update of beforeScrape) update();
      return registry.metrics();
    },
  };
}
