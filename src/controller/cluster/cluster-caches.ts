import { FINALIZER } from '../../api/names.ts';
import {
  type BindingMetadata,
  type ParsedBinding,
  parseBinding,
  type VServerGroupBindingSpec,
  type VServerGroupBindingStatus,
} from '../../api/vservergroupbinding.ts';
import { accountOfRole, roleKey } from '../../cloud/group-ref.ts';
import type { Store, StoreChange, Stored } from '../../kubernetes/informer/store.ts';
import type {
  EndpointsObject,
  NodeObject,
  PodObject,
  ServiceObject,
} from '../../kubernetes/objects/objects.ts';
import { fieldsOf, printOf, type StatusPrint } from '../../kubernetes/write/status-fields.ts';
import { isVirtual } from '../../membership/desired/cluster.ts';
import type { KnownNodes } from './known-nodes.ts';
import type { NamespacePods } from './namespace-pods.ts';
import type { NamespaceObject } from './namespaces.ts';

/** A binding as cached. Bindings whose spec can't be read are kept too: they have backends, and their users must be told. */
export interface BindingObject extends Stored {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly parsed: ParsedBinding;
  /** The fingerprint of the status as the API server sent it; undefined if there is no status. */
  readonly statusPrint: StatusPrint | undefined;
}

/** A vServer group of one region and account. */
export type GroupKey = string & { readonly __brand: 'GroupKey' };

/** `account`: undefined for the account of the operator's own credentials. */
export function groupKey(regionId: string, vServerGroupId: string, account?: string): GroupKey {
  const group = `${regionId}/${vServerGroupId}`;
  return (account === undefined ? group : `${group}/${account}`) as GroupKey;
}

export function splitGroupKey(key: GroupKey): {
  readonly regionId: string;
  readonly vServerGroupId: string;
  readonly account: string | undefined;
} {
  const [regionId = '', vServerGroupId = '', account] = key.split('/');
  return { regionId, vServerGroupId, account };
}

/** Pods are only cached for namespaces where a binding needs them. */
export interface PodSource {
  /** Undefined while not all pods of the namespace are known. */
  in(namespace: string): NamespacePods | undefined;
}

/** A source that reports its changes. */
export interface WatchedPods extends PodSource {
  onChange(handler: (change: StoreChange<PodObject>) => void): void;
  /** Calls back once the pods of a namespace are known. */
  onSynced(listener: (namespace: string) => void): void;
}

/** What the controller reads from the cluster, with the indexes that it needs (`addIndexes`). */
export interface ClusterCaches {
  readonly bindings: Store<BindingObject>;
  readonly services: Store<ServiceObject>;
  readonly endpoints: Store<EndpointsObject>;
  readonly nodes: Store<NodeObject>;
  readonly knownNodes: KnownNodes;
  /** Empty without --require-grants. */
  readonly namespaces: Store<NamespaceObject>;
  readonly pods: PodSource;
  /** Namespaces that may not be read now. What is cached of them may be incomplete: nothing is decided from it. */
  readonly closedNamespaces: ReadonlySet<string>;
}

/** The key of virtual nodes in the `virtual` index of nodes. */
export const VIRTUAL = 'virtual';
/** The key in the `node` index of endpoints for endpoints that name a pod but not its node. */
export const UNNAMED = '';

export function addIndexes(
  caches: Pick<ClusterCaches, 'bindings' | 'nodes' | 'endpoints'>,
  defaultRegion: string,
): void {
  caches.bindings
    .index('group', (binding) => present(groupOf(binding, defaultRegion)))
    .index('service', (binding) => (binding.parsed.ok ? servicesOf(binding) : []))
    .index('backendType', ({ parsed }) => (parsed.ok ? [parsed.binding.spec.backendType] : []))
    .index('namespace', ({ namespace }) => [namespace])
    .index('role', (binding) => present(specOf(binding).assumeRole).map(roleKey));
  caches.nodes.index('virtual', (node) => (isVirtual(node) ? [VIRTUAL] : []));
  caches.endpoints
    .index('service', ({ namespace, serviceName }) => [`${namespace}/${serviceName}`])
    .index('node', nodesOf)
    .index('pod', (endpoints) => unique(endpoints, ({ pod }) => pod && `${pod.namespace}/${pod.name}`));
}

/** Undefined if the binding's group can't be read, or was not found by its name yet. */
export function groupOf(binding: BindingObject, defaultRegion: string): GroupKey | undefined {
  const region = regionOf(binding, defaultRegion);
  const id = groupIdOf(binding);
  if (region === undefined || id === undefined) return undefined;
  const { parsed } = binding;
  if (!parsed.ok && parsed.misfits.includes('assumeRole')) return undefined;
  const { assumeRole } = specOf(binding);
  return groupKey(region, id, assumeRole && accountOfRole(assumeRole));
}

/** The id of the binding's group. If the group was found by its name, the status records it. */
export function groupIdOf(binding: BindingObject): string | undefined {
  const { vServerGroupId } = specOf(binding);
  return vServerGroupId ?? (isByName(binding) ? statusOf(binding)?.vServerGroupId || undefined : undefined);
}

/** What the binding calls its group: the id or, until the group is found, its name and load balancer. */
export function groupNamedBy(binding: BindingObject): string | undefined {
  const { vServerGroup } = specOf(binding);
  return groupIdOf(binding) ?? (vServerGroup && `${vServerGroup.name} (${vServerGroup.loadBalancerId})`);
}

function isByName({ parsed }: BindingObject): boolean {
  if (parsed.ok) return parsed.binding.spec.vServerGroup !== undefined;
  const { fields, misfits } = parsed;
  if (misfits.includes('vServerGroupId')) return false;
  return fields.vServerGroup !== undefined || misfits.includes('vServerGroup');
}

/** Undefined if the region can't be read. */
export function regionOf(binding: BindingObject, defaultRegion: string): string | undefined {
  const { parsed } = binding;
  if (!parsed.ok && parsed.misfits.includes('regionId')) return undefined;
  return specOf(binding).regionId ?? defaultRegion;
}

/** `namespace/name` of the Service that a binding names. Undefined if it can't be read. */
export function serviceOf(binding: BindingObject): string | undefined {
  const name = specOf(binding).serviceRef?.name;
  return name === undefined ? undefined : `${binding.namespace}/${name}`;
}

/** The Services that a binding depends on: the one that it names and, while its group holds the backends of another, that one. */
export function servicesOf(binding: BindingObject): readonly string[] {
  const name = statusOf(binding)?.serviceName;
  const held = name === undefined ? undefined : `${binding.namespace}/${name}`;
  return [...new Set(present(serviceOf(binding)).concat(present(held)))];
}

/** The spec as far as it can be read; the same applies to `metadataOf`. */
export function specOf({ parsed }: BindingObject): Partial<VServerGroupBindingSpec> {
  return parsed.ok ? parsed.binding.spec : parsed.fields;
}

export function metadataOf({ parsed }: BindingObject): Partial<BindingMetadata> {
  return parsed.ok ? parsed.binding.metadata : parsed.metadata;
}

/** Undefined if the binding has no status. */
export function statusOf({ parsed }: BindingObject): VServerGroupBindingStatus | undefined {
  return parsed.ok ? parsed.binding.status : parsed.status;
}

/**
 * A backend that a binding's status lists with its node existed before this process started: if its pod or node is not here
 * now, it is gone. (For backends that may be in another cluster no node is recorded: desired/endpoints.ts.)
 */
export function rememberDeparted(
  binding: BindingObject,
  { pods, knownNodes }: Pick<ClusterCaches, 'pods' | 'knownNodes'>,
): void {
  const { namespace } = binding;
  for (const { pod: name, podUID: uid, serverIp, node, state } of statusOf(binding)?.backends ?? []) {
    if (node === undefined || state === 'Pending' || state === 'Refused') continue;
    if (name !== undefined && uid !== undefined)
      pods.in(namespace)?.remember({ namespace, name, uid }, serverIp);
    knownNodes.remember(node);
  }
}

/** Reduces a raw VServerGroupBinding to what the cache keeps. */
export function transformBinding(object: unknown): BindingObject {
  const { metadata, status } = object as { metadata: Record<string, unknown>; status?: unknown };
  const namespace = String(metadata['namespace']);
  const name = String(metadata['name']);
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    uid: String(metadata['uid']),
    resourceVersion: String(metadata['resourceVersion']),
    parsed: parseBinding(object),
    statusPrint: status === undefined ? undefined : printOf(fieldsOf(status)),
  };
}

export function hasFinalizer(binding: BindingObject): boolean {
  return metadataOf(binding).finalizers?.includes(FINALIZER) ?? false;
}

export function isBeingDeleted(binding: BindingObject): boolean {
  return metadataOf(binding).deletionTimestamp !== undefined;
}

function present<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

/** A list that Kubernetes does not write may name a node, while its pod is on another one: that one counts (endpoints.ts). */
function nodesOf(endpoints: EndpointsObject): readonly string[] {
  const named = unique(endpoints, ({ nodeName }) => nodeName);
  const isUnnamed = ({ nodeName, pod }: Address) =>
    pod && (nodeName === undefined || !endpoints.byKubernetes);
  return [...named, ...unique(endpoints, (address) => (isUnnamed(address) ? UNNAMED : undefined))];
}

type Address = EndpointsObject['subsets'][number]['addresses'][number];

function unique(endpoints: EndpointsObject, of: (address: Address) => string | undefined): readonly string[] {
  const values = new Set<string>();
  for (const { addresses } of endpoints.subsets) {
    for (const address of addresses) {
      const value = of(address);
      if (value !== undefined) values.add(value);
    }
  }
  return [...values];
}
