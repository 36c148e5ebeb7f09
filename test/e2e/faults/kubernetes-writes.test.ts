import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { applyFiles } from '../../../lab/control-plane/api/apply.ts';
import { KubeApi, type KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { type ControlPlane, startControlPlane } from '../../../lab/control-plane/control-plane.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { API_VERSION, KIND, PLURAL } from '../../../src/api/names.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kubeconfig.ts';
import { createTransport, type KubeTransport } from '../../../src/kubernetes/client/transport.ts';
import { LeaderElector } from '../../../src/kubernetes/election/leader-election.ts';
import { type EventInput, EventRecorder } from '../../../src/kubernetes/write/event-recorder.ts';
import { type ObjectRef, StatusWriter } from '../../../src/kubernetes/write/status-writer.ts';

const CRD = join(import.meta.dirname, '../../../crds/slb.alibabacloud.com_vservergroupbindings.yaml');
const BINDINGS = `/apis/${API_VERSION}/namespaces/default/${PLURAL}`;
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

jest.setTimeout(120_000);

let plane: ControlPlane;
let api: KubeApi;
let transport: KubeTransport;
const electors: LeaderElector[] = [];

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: false, scheduler: false, kwok: false });
  api = await KubeApi.fromKubeconfig(plane.kubeconfig);
  transport = createTransport(loadKubeConfig(plane.kubeconfig));
  await applyFiles(api, [CRD]);
}, 30 * 60_000);

afterEach(async () => {
  await Promise.all(electors.splice(0).map((elector) => elector.stop()));
});

afterAll(async () => {
  await transport?.close();
  await api?.close();
  await plane?.stop();
});

type Binding = KubeObject & { readonly metadata: ObjectRef & { readonly resourceVersion: string } };

async function createBinding(name: string): Promise<Binding> {
  const spec = { vServerGroupId: 'rsp-0', serviceRef: { name: 'web', port: 80 } };
  const body = { apiVersion: API_VERSION, kind: KIND, metadata: { name }, spec };
  return await waitUntil('the API of the CRD', () => api.create<Binding>(BINDINGS, body));
}

function writer(results: string[]): StatusWriter {
  return new StatusWriter({
    transport,
    pathOf: ({ name }) => `${BINDINGS}/${name}`,
    writes: { inc: ({ result }) => results.push(result) },
  });
}

const backend = { serverId: 'eni-1', port: 80, type: 'eni', weight: 100, state: 'Registered' };
const status = { observedGeneration: 1, desired: 2, loadBalancerId: 'lb-1', backends: [backend, backend] };

test('a status is written, and fields and rows that are left out are removed', async () => {
  const { metadata } = await createBinding('written');
  const results: string[] = [];
  const first = writer(results);
  first.write(metadata, status);
  expect(await first.flush(10_000)).toEqual([]);
  expect((await api.get<Binding>(`${BINDINGS}/written`)).status).toEqual(status);

  const second = writer(results);
  const less = { observedGeneration: 1, desired: 1, backends: [backend] };
  second.write(metadata, less);
  expect(await second.flush(10_000)).toEqual([]);
  expect((await api.get<Binding>(`${BINDINGS}/written`)).status).toEqual(less);
  expect(results).toEqual(['written', 'written']);
});

test('a status never reaches another object of the same name', async () => {
  const { metadata } = await createBinding('replaced');
  await api.delete(`${BINDINGS}/replaced`);
  const successor = await createBinding('replaced');
  const results: string[] = [];
  const late = writer(results);
  late.write(metadata, status);
  expect(await late.flush(10_000)).toEqual([]);
  expect(results).toEqual(['conflict']);
  expect((await api.get<Binding>(`${BINDINGS}/replaced`)).status).toEqual(successor.status);
});

test('a status for an object that is gone is dropped', async () => {
  const { metadata } = await createBinding('gone');
  await api.delete(`${BINDINGS}/gone`);
  const results: string[] = [];
  const late = writer(results);
  late.write(metadata, status);
  expect(await late.flush(10_000)).toEqual([]);
  expect(results).toEqual(['conflict']);
});

test('a status that the schema refuses is an error, and the next one is written', async () => {
  const { metadata } = await createBinding('refused');
  const results: string[] = [];
  const own = writer(results);
  own.write(metadata, { ...status, desired: 'many' });
  await waitUntil('the refusal', () => results.includes('error'));
  own.write(metadata, status, { urgent: true });
  expect(await own.flush(10_000)).toEqual([]);
  expect(results.at(-1)).toBe('written');
});

interface StoredEvent extends KubeObject {
  readonly note: string;
  readonly reason: string;
  readonly eventTime: string;
  readonly reportingInstance: string;
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

test('events are accepted, and repeats become a series', async () => {
  const { metadata } = await createBinding('told');
  const results: string[] = [];
  const failures: unknown[] = [];
  const recorder = new EventRecorder({
    transport,
    reportingInstance: 'operator-0',
    events: { inc: ({ result }) => results.push(result) },
    onFailure: ({ error }) => failures.push(error),
  });
  const { namespace, name, uid } = metadata;
  const event: EventInput = {
    regarding: { apiVersion: API_VERSION, kind: KIND, namespace, name, uid },
    type: 'Normal',
    reason: 'Removed',
    action: 'Reconcile',
    note: 'Removed 1 backend from rsp-0: 10.0.0.1:80.',
  };
  recorder.record(event);
  await waitUntil('the first event', () => results.includes('sent'));
  for (let i = 0; i < 3; i++) recorder.record(event);
  recorder.record({ ...event, type: 'Warning', reason: 'BackendsRefused', note: 'é'.repeat(2_000) });
  recorder.record({
    ...event,
    regarding: { ...event.regarding, kind: 'Node', namespace: '', name: 'node-1' },
  });
  await recorder.flush(10_000);

  expect(failures).toEqual([]);
  const stored = await api.list<StoredEvent>(EVENTS);
  const removed = stored.find(
    ({ reason, metadata }) => reason === 'Removed' && metadata.name.startsWith('told.'),
  );
  expect(removed).toMatchObject({
    note: event.note,
    reportingController: 'slb.alibabacloud.com/vservergroup-operator',
    reportingInstance: 'operator-0',
    regarding: event.regarding,
    series: { count: 4, lastObservedTime: expect.stringMatching(/\.\d{6}Z$/) },
  });
  expect(stored.find(({ reason }) => reason === 'BackendsRefused')?.note).toBe('é'.repeat(512));
  expect(stored.some(({ metadata }) => metadata.name.startsWith('node-1.'))).toBe(true);
});

interface Candidate {
  readonly elector: LeaderElector;
  readonly led: AbortSignal[];
}

function candidate(name: string, identity: string): Candidate {
  const led: AbortSignal[] = [];
  const elector = new LeaderElector({
    transport,
    namespace: 'default',
    name,
    identity,
    timing: { leaseDurationMs: 6_000, renewDeadlineMs: 4_000, retryPeriodMs: 1_000 },
    onStartedLeading: (signal) => led.push(signal),
  });
  electors.push(elector);
  elector.start();
  return { elector, led };
}

interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity: string;
    readonly leaseTransitions: number;
    readonly renewTime: string;
  };
}

test('one of two candidates leads, and the other takes over within a retry period of its release', async () => {
  const a = candidate('election', 'a');
  await waitUntil('a leads', () => a.elector.isLeader());
  const b = candidate('election', 'b');
  const first = await api.get<Lease>(`${LEASES}/election`);
  await waitUntil('a renews', async () => {
    const { spec } = await api.get<Lease>(`${LEASES}/election`);
    return spec.renewTime > first.spec.renewTime;
  });
  expect(b.led).toEqual([]);

  await a.elector.stop();
  expect(a.led.map(({ aborted }) => aborted)).toEqual([true]);
  const releasedAt = performance.now();
  await waitUntil('b leads', () => b.elector.isLeader(), { intervalMs: 5 });
  // A retry period, plus the calls on a busy machine.
  expect(performance.now() - releasedAt).toBeLessThan(2_000);
  const { spec } = await api.get<Lease>(`${LEASES}/election`);
  expect(spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
});

test('a leader whose API server is silent stops, and another can lead once it is back', async () => {
  const a = candidate('outage', 'a');
  await waitUntil('a leads', () => a.elector.isLeader());
  await plane.pause('kube-apiserver');
  try {
    await waitUntil('a stops leading', () => a.led[0]?.aborted, { intervalMs: 5 });
  } finally {
    plane.resume('kube-apiserver');
  }
  expect(a.elector.isLeader()).toBe(false);
  const next = candidate('outage', 'a2');
  await waitUntil('another leads', () => next.elector.isLeader());
});
