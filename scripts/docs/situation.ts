import { refused } from '../../src/alibaba/errors/errors.ts';
import { FINALIZER, GRANTS_ANNOTATION } from '../../src/api/names.ts';
import { type Clock, WallTimes } from '../../src/clock.ts';
import type { ApiError } from '../../src/cloud/api-error.ts';
import type { EniLookup } from '../../src/cloud/eni-resolver.ts';
import { vServerGroup } from '../../src/cloud/group-ref.ts';
import { BindingMemory } from '../../src/controller/binding/binding-memory.ts';
import { type BindingVerdict, verdictOn } from '../../src/controller/binding/verdict.ts';
import {
  type BindingObject,
  type GroupKey,
  groupOf,
  splitGroupKey,
  transformBinding,
} from '../../src/controller/cluster/cluster-caches.ts';
import { NamespacePods } from '../../src/controller/cluster/namespace-pods.ts';
import { transformNamespace } from '../../src/controller/cluster/namespaces.ts';
import { createCaches } from '../../src/controller/cluster/resources.ts';
import { decide } from '../../src/controller/group/decide.ts';
import { EniDirectory } from '../../src/controller/group/eni-directory.ts';
import { outcomeOf } from '../../src/controller/group/outcome.ts';
import type { GroupAction } from '../../src/controller/group/state/attempts.ts';
import { GroupState } from '../../src/controller/group/state/group-state.ts';
import { Store } from '../../src/kubernetes/informer/store.ts';
import {
  transformEndpointSlice,
  transformEndpoints,
  transformNode,
  transformPod,
  transformService,
} from '../../src/kubernetes/objects/objects.ts';
import type { Row } from '../../src/membership/backend.ts';

/** A small cluster and group, and what is wrong with them: input for the operator's own code, to show its messages. */
export interface Situation {
  readonly spec?: object;
  readonly metadata?: object;
  readonly service?: object | null;
  /** Addresses of the ready pods. */
  readonly pods?: readonly string[];
  readonly podAnnotations?: object;
  readonly podStatus?: object;
  readonly podSpec?: object;
  readonly node?: object;
  /** Addresses in the group that the binding added; undefined if the group was not read. */
  readonly rows?: readonly string[] | undefined;
  readonly failure?: readonly [GroupAction, ApiError];
  readonly refusal?: ApiError;
  readonly eni?: EniLookup;
  readonly endpointsCut?: boolean;
  /** The annotation of the namespace; undefined if grants are not required. */
  readonly grants?: string;
  readonly status?: object;
  readonly dryRun?: boolean;
  /** Why the finalizer was not added. */
  readonly unwritten?: Error;
}

const REGION = 'cn-hangzhou';
const GROUP = 'rsp-bp1x0abc';
export const REF = vServerGroup(REGION, GROUP);
const clock: Clock = {
  now: () => 0,
  wall: () => Date.UTC(2026, 0, 1),
  setTimeout: () => ({ cancel: () => {} }),
};

/** An error as the API returns it; all examples use the same request ID. */
export function answered(action: string, code: string, text: string, httpStatus = 400): ApiError {
  return refused(action, REF, { code, text, httpStatus, requestId: REQUEST_ID });
}

export const REQUEST_ID = '365F4154-92F6-4AE4-92F8-7FF34B540710';

export function row(ip: string, weight = 100): Row {
  return {
    serverId: `eni-bp1${ip.replaceAll('.', '')}`,
    serverIp: ip,
    port: 8080,
    type: 'eni',
    weight,
    description: 'vsgb/prod/shop/web',
  };
}

export function decided(situation: Situation) {
  const caches = cluster(situation);
  const key = groupOf(caches.bindings.list()[0] as BindingObject, REGION) as GroupKey;
  const { account } = splitGroupKey(key);
  const group = new GroupState(vServerGroup(REGION, GROUP, { account }), 0, () => 0);
  const rows = 'rows' in situation ? situation.rows : [];
  if (rows !== undefined)
    group.view.written(
      rows.map((ip) => row(ip)),
      [],
    );
  const { failure, refusal } = situation;
  if (failure !== undefined) {
    const { tellAfter } = outcomeOf(failure[1]);
    for (let attempt = 0; attempt < tellAfter; attempt++) group.attempts.fail(...failure, 0);
  }
  if (refusal !== undefined) {
    const change = { row: row('10.0.0.2'), key: '' as never, claim: 'shop/web' };
    group.attempts.refuse('add', change, refusal, 0);
  }
  const resolver = {
    lookup: (_: string, ip: string): EniLookup =>
      situation.eni ?? { state: 'found', eniId: row(ip).serverId },
    invalidate: () => {},
    onResolved: () => {},
  };
  const options = {
    clusterId: 'prod',
    longestDescription: 80,
    defaultDrainSeconds: 0,
    excludeCordonedNodes: false,
    localWeights: false,
    unreadyShare: 0.55,
    unreadyToleranceMs: 0,
    rowsPerCall: { remove: 20, set: 20, add: 20 },
    opensGates: false,
    requireGrants: situation.grants !== undefined,
    assumableRoles: [],
    dryRun: situation.dryRun ?? false,
  };
  const memory = new BindingMemory(new WallTimes(clock));
  const parts = { caches, memory, enis: new EniDirectory(resolver, () => {}), clock };
  return { group, decision: decide(key, group, parts, options) };
}

export function verdict(situation: Situation): BindingVerdict {
  const { group, decision } = decided(situation);
  const [one] = decision.bound;
  if (one === undefined) throw new Error('the binding of the example is on no group');
  return verdictOn(one.object, {
    group,
    wasRead: group.view.rows !== undefined,
    granted: one.granted,
    report: decision.plan.reports[0],
    batches: decision.plan.batches,
    missingEnis: decision.missingEnis,
    unlooked: [],
    ...(situation.unwritten && {
      unwritten: { write: 'add', binding: one.object.key, error: situation.unwritten },
    }),
    dryRun: situation.dryRun ?? false,
  });
}

function cluster(situation: Situation) {
  const {
    spec,
    metadata,
    service,
    pods = [],
    node,
    endpointsCut,
    podAnnotations,
    podStatus,
    podSpec,
    grants,
    status,
  } = situation;
  const caches = createCaches(REGION, clock, (_, error) => {
    throw error;
  });
  const of = (name: string, more: object = {}) => ({
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '1', ...more },
  });
  caches.bindings.set(
    transformBinding({
      ...of('web', { generation: 1, finalizers: [FINALIZER], ...metadata }),
      spec: { vServerGroupId: GROUP, serviceRef: { name: 'web', port: 80 }, ...spec },
      ...(status && { status }),
    }),
  );
  if (grants !== undefined) {
    const annotations = { [GRANTS_ANNOTATION]: grants };
    caches.namespaces.set(
      transformNamespace({ metadata: { name: 'shop', resourceVersion: '1', annotations } }),
    );
  }
  const ports = [{ name: 'http', port: 80, targetPort: 8080, nodePort: 30080 }];
  if (service !== null)
    caches.services.set(transformService({ ...of('web'), spec: { type: 'NodePort', ports, ...service } }));
  caches.nodes.set(
    transformNode({
      ...of('node-1'),
      spec: { providerID: `${REGION}.i-bp1node1` },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
      ...node,
    }),
  );
  const targets = pods.map((ip, i) => ({ ip, name: `web-${i + 1}` }));
  const targetRef = (name: string) => ({ kind: 'Pod', namespace: 'shop', name, uid: `uid-${name}` });
  const slice = transformEndpointSlice({
    ...of('web-1', {
      labels: {
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    }),
    ports: [{ name: 'http', port: 8080 }],
    endpoints: targets.map(({ ip, name }) => ({
      addresses: [ip],
      nodeName: 'node-1',
      targetRef: targetRef(name),
    })),
  });
  if (slice !== undefined) caches.endpoints.set(slice);
  if (endpointsCut) {
    const annotations = { 'endpoints.kubernetes.io/over-capacity': 'truncated' };
    caches.endpoints.set(transformEndpoints(of('web', { annotations })));
  }
  const store = new Store<ReturnType<typeof transformPod>>();
  const known = new NamespacePods(store, () => '1');
  const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' }));
  for (const { name, ip } of targets) {
    const status = { podIP: ip, conditions, ...podStatus };
    store.set(transformPod({ ...of(name, { annotations: podAnnotations }), spec: podSpec, status }));
  }
  return { ...caches, pods: { in: () => known } };
}
