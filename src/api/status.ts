import { z } from 'zod';
import { isObject } from '../json.ts';
import { READINESS_GATE } from './names.ts';
import { condition, count, statusText, statusTime } from './schema.ts';

/** With more rows, a status could exceed etcd's size limit for one object. The API server enforces this maximum. */
export const MAX_STATUS_BACKENDS = 2000;

export const BACKEND_STATES = ['Registered', 'Draining', 'Removing', 'Held', 'Pending', 'Refused'] as const;

const backendStatus = z.object({
  serverId: statusText(
    128,
    'Id of the network interface (eni-) or instance (i-). Empty while unknown, for a pending backend.',
  ),
  serverIp: statusText(64, 'IP address of a network interface.').optional(),
  port: z.int().min(0).max(65_535).describe('Port that the load balancer sends to.'),
  type: z.enum(['eni', 'ecs', 'eci']).describe('eni, ecs or eci, as the group shows it.'),
  weight: z
    .int()
    .min(0)
    .max(100)
    .describe('Weight in the group. While Draining: the weight it gets back if it stays.'),
  state: z
    .enum(BACKEND_STATES)
    .describe(
      'Registered: in the group. Draining: in the group with weight 0, to be removed, or because its node is drained or departing. Removing: to be removed at once. Held: to be removed, kept because of minBackends. Pending: to be added. Refused: by the load balancer; retried.',
    ),
  pod: statusText(253, 'Name of the pod behind it.').optional(),
  podUID: statusText(64, 'UID of that pod: others can follow with its name or IP.').optional(),
  node: statusText(253, 'Name of the node behind it.').optional(),
  drainingSince: statusTime('When its drain began.').optional(),
  message: statusText(
    1024,
    'Why it is pending or refused, still has weight while draining or held, or that its node is not Ready.',
  ).optional(),
});

export const statusSchema = z.object({
  observedGeneration: z
    .int()
    .min(-1)
    .default(-1)
    .describe('The metadata.generation of this status. -1 at first.'),
  conditions: z
    .array(condition)
    .default([])
    .meta({
      maxItems: 16,
      description:
        'Ready: the group holds what it should. Reconciling: work is in progress, or continues automatically. Stalled: nothing continues until someone acts.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
  vServerGroupId: statusText(
    64,
    'The vServer group that holds the backends, by spec.vServerGroupId or found by spec.vServerGroup. Empty until it is found.',
  ).optional(),
  loadBalancerId: statusText(64, "The group's load balancer.").optional(),
  serviceName: statusText(
    253,
    'The Service whose backends the group holds: that of spec.serviceRef or, until that exists and has the port, the previous one.',
  ).optional(),
  desired: count('Backends that the group should hold for this binding.').default(0),
  registered: count('Backends of this binding that are in the group and get connections.').default(0),
  draining: count(
    'Backends of this binding with weight 0: leaving, or on a drained or departing node.',
  ).default(0),
  foreign: count("Backends in the group that are not this binding's.").default(0),
  holdSeconds: count(
    'Seconds that the pods have to keep serving after their deletion: drain, propagation (spec.drain) and 5 for requests in flight. Only with backendType eni.',
  ).optional(),
  podsWithoutHold: count(
    'Pods among the desired backends that preStop and terminationGracePeriodSeconds hold for less than holdSeconds.',
  ).optional(),
  podsWithoutGate: count(
    `Pods among the desired backends without the readiness gate ${READINESS_GATE}. Only if the operator runs with --readiness-gates, and the binding adds pods.`,
  ).optional(),
  backends: z.array(backendStatus).default([]).meta({
    maxItems: MAX_STATUS_BACKENDS,
    description:
      'The backends of this binding. Of more than 2,000, those that leave or are held come first, then those in the group.',
    'x-kubernetes-list-type': 'atomic',
  }),
  lastRemovalTime: statusTime('When the load balancer last accepted a removal.').optional(),
});

export type BackendStatus = z.output<typeof backendStatus>;
export type VServerGroupBindingStatus = z.output<typeof statusSchema>;

const headSchema = statusSchema.omit({ backends: true });
const backendsSchema = statusSchema.pick({ backends: true });

/**
 * Parses as much of a status as is valid: invalid rows and fields are dropped. Rows are kept as JSON until they are read, because they make
 * up most of a cache of bindings and most are never read.
 */
export function parseStatus(raw: unknown): VServerGroupBindingStatus {
  const head = asFarAsItFits(headSchema, raw);
  const rows = JSON.stringify(isObject(raw) ? raw['backends'] : undefined) as string | undefined;
  return {
    ...head,
    get backends() {
      return asFarAsItFits(backendsSchema, { backends: rows === undefined ? undefined : JSON.parse(rows) })
        .backends;
    },
  };
}

function asFarAsItFits<T extends z.ZodType>(schema: T, raw: unknown): z.output<T> {
  const whole = schema.safeParse(raw ?? {});
  if (whole.success) return whole.data;
  if (!isObject(raw)) return schema.parse({});
  const rest = schema.safeParse(without(raw, whole.error.issues));
  return rest.success ? rest.data : schema.parse({});
}

/** The object without the fields, and without the list rows, that the issues point at. */
function without(raw: object, issues: readonly z.core.$ZodIssue[]): object {
  const rows = new Map<PropertyKey, Set<PropertyKey>>();
  const fields = new Set<PropertyKey>();
  for (const { path } of issues) {
    const [field, row] = path;
    if (field === undefined) continue;
    if (row === undefined) fields.add(field);
    else rows.set(field, (rows.get(field) ?? new Set()).add(row));
  }
  const kept = Object.entries(raw).filter(([field]) => !fields.has(field));
  return Object.fromEntries(
    kept.map(([field, value]) => [
      field,
      Array.isArray(value) ? value.filter((_, index) => !rows.get(field)?.has(index)) : value,
    ]),
  );
}
