/**
 * All texts of a binding's conditions and events, except for errors of the cloud API (cloud/api-error.ts) and problems with
 * the Service (membership). Each message names the group and the backends, and ends with what to do or what happens next.
 * docs/messages.md shows one of each.
 */

import { FINALIZER, GRANTS_ANNOTATION, HOLD_ANNOTATION } from '../../api/names.ts';
import type { ApiError } from '../../cloud/api-error.ts';
import { type GroupRef, groupName, scopeName } from '../../cloud/group-ref.ts';
import type { LoadBalancerRef } from '../../cloud/server-groups.ts';
import type { PodObject } from '../../kubernetes/objects/objects.ts';
import { byCodeUnit, type Row } from '../../membership/backend.ts';
import type { Member, Problem } from '../../membership/desired/member.ts';
import type { Batch, Change } from '../../membership/plan/batches.ts';
import type { RefusedBackend } from '../group/state/attempts.ts';
import type { FinalizerFailure } from './finalizers.ts';
import type { Granted } from './granted.ts';

type RowName = Pick<Row, 'serverId' | 'serverIp' | 'port'>;

export const messages = {
  suspended: (group: GroupRef) =>
    `${groupName(group)} is left as it is for this binding: set spec.suspend to false to resume.`,

  groupNotGranted: ({ namespace, unreadable }: Granted, group: GroupRef) =>
    `Namespace ${namespace}${butFor(unreadable)} is not granted ${groupName(group)}: nothing is added to it for this binding; its live backends stay, the others leave as usual. Have a cluster administrator add ${group.id}, or its load balancer, to the annotation ${GRANTS_ANNOTATION} of the namespace, or delete the binding.`,

  /** `why`: what can't be read. */
  unreadableNotGranted: (binding: string, why: string, { namespace, unreadable }: Granted, group: GroupRef) =>
    `Namespace ${namespace}${butFor(unreadable)} is not granted ${groupName(group)}, and ${binding} can't be read: ${why}. The group is left as it is for this binding. Have a cluster administrator add ${group.id}, or its load balancer, to the annotation ${GRANTS_ANNOTATION} of the namespace, and correct the spec, or delete the binding.`,

  /** For a group that has not been found by its name yet. */
  groupNameNotGranted: ({ namespace, unreadable }: Granted, loadBalancer: LoadBalancerRef) =>
    `Namespace ${namespace}${butFor(unreadable)} is not granted ${loadBalancerName(loadBalancer)}: the group of this binding is not looked up. Have a cluster administrator add it, or the id of the group, to the annotation ${GRANTS_ANNOTATION} of the namespace, or delete the binding.`,

  /** `where`: the group, or the load balancer that would list it. */
  roleNotAllowed: (binding: string, { role }: Granted, where: string) =>
    `${binding} names the RAM role ${role?.roleArn}, which this operator may not assume: ${where} is not called, and nothing is changed in it. Have the operator's --assumable-role list the role, or delete the binding.`,

  deletionWithoutRole: (binding: string, { role }: Granted, left: number, where: string) =>
    `${binding} is being deleted, and names the RAM role ${role?.roleArn}, which this operator may not assume: ${left === 1 ? '1 backend stays' : `${left} backends stay`} in ${where}. Have the operator's --assumable-role list the role; to keep them there for good, set spec.deletionPolicy to Retain or remove the finalizer ${FINALIZER}.`,

  exclusiveNotGranted: ({ namespace, unreadable }: Granted, group: GroupRef) =>
    `Namespace ${namespace}${butFor(unreadable)} is not granted ${groupName(group)} for ownership Exclusive: rows of others are left alone, everything else continues. Set spec.ownership to Shared, or have a cluster administrator list ${group.id}:Exclusive in the annotation ${GRANTS_ANNOTATION} of the namespace.`,

  grantsUnreadable: ({ namespace, unreadable }: Granted, group: GroupRef) =>
    `the annotation ${GRANTS_ANNOTATION} of namespace ${namespace} has ${notGrants(unreadable)}. Have a cluster administrator correct it. The other entries count, and this binding still changes ${groupName(group)}.`,

  /** `waiting`: the rows that wait for the failed call. */
  apiFailure: (error: ApiError, waiting: readonly Row[]) =>
    [
      error.message,
      waiting.length > 0 && `Waiting until it succeeds: ${backendNames(waiting)}.`,
      !error.hint.tellsRetry && 'The operator retries automatically.',
    ]
      .filter((part) => part !== false)
      .join(' '),

  undetermined: ({ message }: Problem, group: GroupRef) =>
    `${message}. Until then backends only leave ${groupName(group)}.`,

  heldByMinBackends: (rows: readonly Row[], minBackends: number, group: GroupRef) =>
    `${backendNames(rows)} left but stay in ${groupName(group)} because spec.minBackends is ${minBackends}: they go once others take their place. Lower spec.minBackends to remove them now.`,

  nodesNotReady: (members: readonly Member[], group: GroupRef) => {
    const nodes = listed([...new Set(members.map(({ node }) => node ?? ''))].sort(byCodeUnit));
    return `${members.length === 1 ? '1 backend stays' : `${members.length} backends stay`} in ${groupName(group)} although their nodes are not Ready (${nodes}): so many at once, or the last ones, are not removed for that alone (--max-unready-share). They leave with their pods or nodes. Check the nodes and their way to the API server.`;
  },

  backendsRefused: (refused: readonly RefusedBackend[], group: GroupRef) =>
    `${listed(refused.map(({ row, error }) => `${backendName(row)} (${error.code})`))} refused by ${groupName(group)}: ${refused[0]?.error.message ?? ''} The operator retries automatically; the other backends are not affected.`,

  eniNotFound: (members: readonly Member[], group: GroupRef) =>
    `no ENI has the address of ${memberNames(members)}, which can't join ${groupName(group)}: check that the pods use Terway, and --vpc-id and --region, or use spec.backendType ecs, also for addresses from IP prefixes that ECS does not find. The operator retries automatically; the other backends are not affected.`,

  eniLookupFailed: (error: ApiError, members: readonly Member[], group: GroupRef) =>
    `${error.message} Until then ${memberNames(members)} can't join ${groupName(group)}.`,

  nodeWithoutInstance: ({ message }: Problem, group: GroupRef) =>
    `${message}. The other backends of ${groupName(group)} are not affected.`,

  deleting: (left: number, group: GroupRef) =>
    left === 0
      ? `No backend of this binding has to leave ${groupName(group)}; it is deleted once that is confirmed.`
      : `${left === 1 ? '1 backend of this binding leaves' : `${left} backends of this binding leave`} ${groupName(group)} before it is deleted.`,

  dryRun: (changes: readonly Batch[], group: GroupRef) =>
    `--dry-run: would ${described(changes)} in ${groupName(group)}. Run the operator without --dry-run to apply it.`,

  dryRunKeeps: (group: GroupRef) =>
    `--dry-run: this binding has no backend left to remove from ${groupName(group)} and would be released. Run the operator without --dry-run to apply it.`,

  groupFound: (name: string, group: GroupRef) =>
    `${groupName(group)} was found by the name ${name}; it is being read; missing backends are added then.`,

  groupNameNotFound: (name: string, loadBalancer: LoadBalancerRef) =>
    `${loadBalancerName(loadBalancer)} has no vServer group named ${name}: create it, or delete the binding and create one with the right spec.vServerGroup. The operator looks again, after a minute at most.`,

  groupNameAmbiguous: (name: string, ids: readonly string[], loadBalancer: LoadBalancerRef) =>
    `${loadBalancerName(loadBalancer)} has ${ids.length} vServer groups named ${name} (${listed([...ids].sort(byCodeUnit))}), and uses none of them: rename all but one, or create a binding with the id in spec.vServerGroupId instead. The operator looks again, after a minute at most.`,

  groupRenamed: (name: string, now: string, group: GroupRef) =>
    `${groupName(group)} was found by the name ${name} and is now called ${now}. The binding stays with it: restore the name, or delete the binding and create one for the intended group.`,

  reading: (group: GroupRef) => `${groupName(group)} is being read; missing backends are added then.`,

  progressing: (changes: readonly Batch[], waiting: number, group: GroupRef) => {
    const doing = [described(changes), waiting > 0 ? `${waiting} to come` : ''].filter((part) => part !== '');
    return `Changing ${groupName(group)}: ${doing.join('; ')}.`;
  },

  synced: (
    desired: number,
    but: Readonly<Record<'foreign' | 'draining' | 'drained', number>> & {
      readonly outside: readonly Member[];
    },
    group: GroupRef,
  ) =>
    [
      `${groupName(group)} holds what it should: ${desired === 1 ? '1 backend' : `${desired} backends`}.`,
      but.foreign > 0 && `${but.foreign} of them are someone else's rows and left alone.`,
      but.drained > 0 &&
        `${but.drained} of them have weight 0, because their nodes are drained or departing: kubectl vsgb drain --undo ends a drain.`,
      but.outside.length > 0 &&
        `It lacks ${memberNames(but.outside)}: not a pod of this cluster and cloud, and no ENI has the address.`,
      but.draining > 0 && `${but.draining} more are draining and are removed after that.`,
    ]
      .filter((part) => part !== false)
      .join(' '),

  invalidSpec: (binding: string, why: string) =>
    `${binding} can't be read, and its group is left as it is: ${why}. Correct the spec.`,

  /** `fields`: the deciding fields that can't be read. */
  deletionUndecided: (binding: string, fields: readonly string[], why: string, group: GroupRef) =>
    `${binding} is being deleted, and what becomes of its backends in ${groupName(group)} can't be read from ${fields.map((field) => `spec.${field}`).join(', ')}: ${why}. They stay until that is corrected; to keep them for good, set spec.deletionPolicy to Retain or remove the finalizer ${FINALIZER}.`,

  deletionWithoutGroup: (binding: string, left: number, why: string) =>
    `${binding} is being deleted, and the group that ${left === 1 ? '1 backend has' : `${left} backends have`} to leave can't be read: ${why}. Correct the spec, or set spec.deletionPolicy to Retain (or remove the finalizer ${FINALIZER}) and remove them from their group by hand.`,

  finalizerNotAdded: ({ binding, error }: FinalizerFailure, group: GroupRef) =>
    `${binding} lacks the finalizer ${FINALIZER}, without which nothing is added to ${groupName(group)}: ${wordsOf(error)}. ${LET_PATCH}. The operator retries automatically.`,

  finalizerNotRemoved: ({ binding, error }: FinalizerFailure) =>
    `${binding} is being deleted and nothing holds it any more, but its finalizer ${FINALIZER} can't be removed: ${wordsOf(error)}. ${LET_PATCH}; or remove the finalizer by hand. The operator retries automatically.`,

  /** `text` says what is done instead. */
  notice: (text: string, group: GroupRef) => `${text}. It is a backend of ${groupName(group)}.`,

  endpointsTruncated: (service: string, group: GroupRef) =>
    `Kubernetes truncates the Endpoints of Service ${service} at 1,000 addresses, so some pods are missing in ${groupName(group)}: run the operator with --endpoints-source=endpointslices.`,

  addressOutside: (members: readonly Member[], group: GroupRef) =>
    `${memberNames(members)} can't join ${groupName(group)}: not a pod of this cluster and cloud, and no ENI has the address. Remove it from the endpoints of the Service, or check --vpc-id and --region. The operator retries, less and less often; nothing else waits for it.`,

  /** `pods` have the annotation of a hold. */
  holdTooShort: (pods: readonly PodObject[], neededSeconds: number, group: GroupRef) => {
    const names = pods.map(
      ({ name, holdSeconds, annotations }) =>
        `${name} (${holdSeconds} s, annotated ${annotations[HOLD_ANNOTATION]?.slice(0, 10)})`,
    );
    return `${pods.length === 1 ? '1 pod is' : `${pods.length} pods are`} held for less than the ${neededSeconds} s that the binding needs, and may stop while ${groupName(group)} still sends requests: ${listed(names)}. Give their template a hold of ${neededSeconds} s: kubectl vsgb inject --hold-seconds ${neededSeconds}. A pod held for less than annotated has a shorter preStop or terminationGracePeriodSeconds.`;
  },

  /** `text`: what the pod waits for. */
  gateTimedOut: (text: string) =>
    `the pod is Ready without being in all of its groups, after the timeout of their bindings (spec.readiness.timeoutSeconds): ${text}`,

  removed: (changes: readonly Change[], group: GroupRef, requestId: string) =>
    `Removed ${counted(changes)} from ${written(changes, group, requestId)}`,
  added: (changes: readonly Change[], group: GroupRef, requestId: string) =>
    `Added ${counted(changes)} to ${written(changes, group, requestId)}`,
  draining: (changes: readonly Change[], group: GroupRef, requestId: string) =>
    `Set weight 0 on ${counted(changes)} in ${written(changes, group, requestId)}`,
  weighed: (changes: readonly Change[], group: GroupRef, requestId: string) =>
    `Changed the weight of ${counted(changes)} in ${written(changes, group, requestId)}`,
} as const;

const LET_PATCH =
  'Let the operator patch vservergroupbindings: see its ClusterRole and the admission policies';

function wordsOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  return words.replace(/\.$/, '');
}

export function loadBalancerName({ id, ...scope }: LoadBalancerRef): string {
  return `load balancer ${id} (${scopeName(scope)})`;
}

/** Entries of the grants annotation that are not grants. Cut, because an annotation may be long. */
function notGrants(entries: readonly string[]): string {
  return `${listed(entries.map((entry) => JSON.stringify(entry.slice(0, 80))))}, which is no id of a group or load balancer, alone or with :Exclusive`;
}

function butFor(unreadable: readonly string[]): string {
  return unreadable.length === 0 ? '' : `, whose grants have ${notGrants(unreadable)},`;
}

export function backendName({ serverId, serverIp, port }: RowName): string {
  return `${serverIp ?? serverId}:${port}`;
}

function backendNames(rows: readonly RowName[]): string {
  return listed(rows.map(backendName).sort(byCodeUnit));
}

function memberNames(members: readonly Member[]): string {
  return listed(members.map(({ pod, ip, port }) => `${pod ?? 'endpoint'} (${ip}:${port})`));
}

function counted(changes: readonly Change[]): string {
  return changes.length === 1 ? '1 backend' : `${changes.length} backends`;
}

function written(changes: readonly Change[], group: GroupRef, requestId: string): string {
  return `${groupName(group)}: ${backendNames(changes.map(({ row }) => row))} (request ${requestId}).`;
}

/** For example `remove 2 (10.0.0.1:80, 10.0.0.2:80), drain 1 (10.0.0.4:80), add 1 (10.0.0.3:80)`. */
function described(batches: readonly Batch[]): string {
  const rows = (action: Batch['action']) =>
    batches.flatMap((batch) => (batch.action === action ? batch.changes.map(({ row }) => row) : []));
  const parts = {
    remove: rows('remove'),
    drain: rows('set').filter(({ weight }) => weight === 0),
    reweight: rows('set').filter(({ weight }) => weight > 0),
    add: rows('add'),
  };
  return Object.entries(parts)
    .filter(([, list]) => list.length > 0)
    .map(([verb, list]) => `${verb} ${list.length} (${backendNames(list)})`)
    .join(', ');
}

/** Names at most five: messages are read by people. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
