import { Worker } from 'node:worker_threads';
import { preciseNow } from '../../../simulator/gateway/call.ts';
import type { Target, WatchEvent } from '../../environment/watch.ts';
import type { Binding } from '../../environment/workloads.ts';
import { GROUP, type Stage } from '../stage/stage.ts';
import { EndpointLog, type EndpointSlice } from './endpoint-log.ts';
import { type Call, type Departure, type Measured, measure } from './measure.ts';
import type { Report } from './observer-thread.ts';

/** Records what happens in the cluster and at the cloud API, on one clock, without asking the operator. */
export class Observer {
  readonly endpoints = new EndpointLog();
  /** When each deleted binding was first seen to be terminating. */
  readonly bindingDeletions = new Map<string, number>();
  /** Rejects when a watch ends for good. */
  readonly failed: Promise<never>;
  readonly #stage: Stage;
  readonly #thread: Worker;
  #firstChange = 0;
  #firstCall = 0;

  private constructor(stage: Stage, targets: readonly Target[]) {
    this.#stage = stage;
    this.#thread = new Worker(new URL('./observer-thread.ts', import.meta.url), { workerData: targets });
    this.failed = new Promise((_, reject) => this.#thread.on('error', reject));
    // Whoever needs to know awaits `failed`.
    this.failed.catch(() => undefined);
  }

  /** Returns once the watches run. */
  static async start(stage: Stage, service: string, bindingsPath: string): Promise<Observer> {
    const { kubeconfig, context, namespace } = stage;
    const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
    const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`;
    const targets = [slices, bindingsPath].map((path) => ({ kubeconfig, context, path }));
    const observer = new Observer(stage, targets);
    const { promise, resolve } = Promise.withResolvers<void>();
    observer.#thread.on('message', (report: Report) => {
      if (report === 'ready') return resolve();
      const at = preciseNow() - Number(process.hrtime.bigint() - report.at) / 1e6;
      if (report.watch === 0) observer.#seeSlice(report.event, at);
      else observer.#seeBinding(report.event, at);
    });
    await Promise.race([promise, observer.failed]);
    return observer;
  }

  /** Starts a new measurement. */
  mark(): void {
    this.#firstChange = this.endpoints.changes.length;
    this.#firstCall = this.#stage.simulator.journal.length;
  }

  get changes(): EndpointLog['changes'] {
    return this.endpoints.changes.slice(this.#firstChange);
  }

  get calls(): readonly Call[] {
    return this.#stage.simulator.journal
      .slice(this.#firstCall)
      .filter(({ group, action }) => group === GROUP || !action.includes('VServerGroup'));
  }

  measure(departures?: readonly Departure[]): Measured {
    return measure(this.changes, this.calls, departures);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  #seeSlice({ type, object }: WatchEvent<EndpointSlice>, at: number): void {
    this.endpoints.apply(type, object, at);
  }

  #seeBinding({ object }: WatchEvent<Binding>, at: number): void {
    const { name, deletionTimestamp } = object.metadata;
    const seen = this.bindingDeletions;
    if (deletionTimestamp !== undefined && !seen.has(name)) seen.set(name, at);
  }
}
