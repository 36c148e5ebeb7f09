import { z } from 'zod';
import { READINESS_GATE } from './names.ts';
import { cel, immutable, labelSelector } from './schema.ts';
import { parseStatus, type VServerGroupBindingStatus } from './status.ts';

export type { Condition } from './schema.ts';
export {
  BACKEND_STATES,
  type BackendStatus,
  MAX_STATUS_BACKENDS,
  type VServerGroupBindingStatus,
} from './status.ts';

const GROUP_ID = '^rsp-[0-9a-z-]{1,60}$';
const LOAD_BALANCER_ID = '^lb-[0-9a-z-]{1,60}$';
/** The longest group name that the API accepts, in characters. */
const LONGEST_GROUP_NAME = 80;
const REGION_ID = '^[a-z]{2,}(-[0-9a-z]+)+$';
const ROLE_ARN = '^acs:ram::[0-9]{1,32}:role/[A-Za-z0-9._-]{1,64}$';
const EXTERNAL_ID = '^[A-Za-z0-9=,.@:/_-]+$';
const DNS_LABEL = '^[0-9a-z]([-0-9a-z]*[0-9a-z])?$';

const MESSAGES = {
  groupId: 'must be the id of a vServer group: rsp- and then letters and digits',
  loadBalancerId: 'must be the id of a classic load balancer: lb- and then letters and digits',
  oneGroup: 'exactly one of vServerGroupId and vServerGroup must be given',
  regionId: 'must be the id of a region, as cn-hangzhou',
  roleArn: 'must be the ARN of a RAM role, as acs:ram::1234567890123456:role/slb',
  externalId: 'must be 2 to 1024 letters, digits and =,.@:/_-',
  service: 'must be the name of a Service',
  port: 'must be a port number from 1 to 65535 or the name of a port of the Service',
};

const serviceRef = z.object({
  name: z
    .string()
    .min(1)
    .max(63)
    .regex(new RegExp(DNS_LABEL), MESSAGES.service)
    .meta({
      description: 'Name of the Service, in the namespace of the binding.',
      ...cel({ rule: `self.matches('${DNS_LABEL}')`, message: MESSAGES.service }),
    }),
  port: z
    .union(
      [z.int().min(1).max(65_535), z.string().min(1).max(63).regex(new RegExp(DNS_LABEL), MESSAGES.port)],
      {
        error: MESSAGES.port,
      },
    )
    .meta({
      description: 'Port of the Service, by number (spec.ports[].port) or name (spec.ports[].name).',
      'x-kubernetes-int-or-string': true,
      ...cel({
        rule: `type(self) == int ? self >= 1 && self <= 65535 : size(self) <= 63 && self.matches('${DNS_LABEL}') && self.matches('[a-z]')`,
        message: MESSAGES.port,
      }),
    }),
});

const drain = z.object({
  seconds: z
    .int()
    .min(0)
    .max(3600)
    .optional()
    .describe(
      'How long a leaving backend stays in the group with weight 0, so that connections can end. 0 removes it at once; it is also removed when the pod is gone. Default: --default-drain-seconds of the operator.',
    ),
  propagationSeconds: z
    .int()
    .min(0)
    .max(600)
    .default(10)
    .describe(
      'How long a backend of weight 0 may still get new connections. Nothing waits for it: it is part of status.holdSeconds.',
    ),
});

/** For bindings that do not set `drain`. */
export const DEFAULT_DRAIN = drain.parse({});

const readiness = z.object({
  gate: z
    .enum(['Registered', 'Healthy'])
    .default('Registered')
    .describe(
      "Registered: once the pod is in the group. Healthy: once the load balancer's health checks also find it healthy, on each listener that sends to it; no check, or one without result, counts as healthy after 15 seconds. Needs the RAM action slb:DescribeHealthStatus.",
    ),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(600)
    .describe(
      'How long a pod may wait for its group. Then its gate opens with the reason TimedOut and a Warning event on the pod: no rollout hangs for ever.',
    ),
  settleSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(0)
    .describe(
      'How long a pod is in the group before its gate opens: the time until the load balancer sends it requests.',
    ),
});

/** For bindings that do not set `readiness`. */
export const DEFAULT_READINESS = readiness.parse({});

/** A string with a pattern that zod and the API server check alike (the API server by CEL, after `rules`). */
function matching(
  pattern: string,
  { message, min, max, description }: { message: string; min?: number; max: number; description: string },
  ...rules: Parameters<typeof cel>
) {
  const text = min === undefined ? z.string() : z.string().min(min);
  return text
    .max(max)
    .regex(new RegExp(pattern), message)
    .meta({ description, ...cel(...rules, { rule: `self.matches('${pattern}')`, message }) });
}

const vServerGroup = z.object({
  loadBalancerId: matching(LOAD_BALANCER_ID, {
    message: MESSAGES.loadBalancerId,
    max: 64,
    description: 'Id of the load balancer that the group belongs to, as lb-bp1x0abc.',
  }),
  name: z
    .string()
    .min(1)
    .max(LONGEST_GROUP_NAME)
    .describe('Name of the group, as the load balancer shows it; the whole name, in the same case.'),
});

const assumeRole = z.object({
  roleArn: matching(ROLE_ARN, {
    message: MESSAGES.roleArn,
    max: 128,
    description:
      'ARN of the RAM role, as acs:ram::1234567890123456:role/slb. It says which account the group is in.',
  }),
  externalId: matching(EXTERNAL_ID, {
    message: MESSAGES.externalId,
    min: 2,
    max: 1024,
    description: "External id that the role's trust policy asks for.",
  }).optional(),
});

export const specSchema = z
  .object({
    vServerGroupId: matching(
      GROUP_ID,
      {
        message: MESSAGES.groupId,
        max: 64,
        description:
          'Id of the vServer group, as rsp-bp1x0abc. Cannot be changed. Exactly one of vServerGroupId and vServerGroup is given.',
      },
      immutable,
    ).optional(),
    vServerGroup: vServerGroup.optional().meta({
      description:
        'The vServer group by its name. The operator looks it up once and records its id in status.vServerGroupId; from then on that group is the one, whatever it is called, until it is deleted. Then the name is looked up again. Cannot be changed.',
      ...cel(immutable),
    }),
    regionId: matching(
      REGION_ID,
      {
        message: MESSAGES.regionId,
        max: 64,
        description:
          'Region of the load balancer, as cn-hangzhou. Cannot be changed. Default: --region of the operator.',
      },
      immutable,
    ).optional(),
    assumeRole: assumeRole.optional().meta({
      description:
        "A RAM role of the account that the group is in, if that is another account than the operator's. The group is read and changed with sessions of it; network interfaces are looked up with the operator's own credentials. Only roles that --assumable-role of the operator lists. Cannot be changed.",
      ...cel(immutable),
    }),
    serviceRef: serviceRef.describe('The Service whose endpoints, or nodes, are the backends of the group.'),
    backendType: z
      .enum(['eni', 'ecs'])
      .default('eni')
      .describe(
        "What a backend is. eni: the pod itself, by the network interface that holds its IP (Terway). ecs: the node's instance and the node port of the Service.",
      ),
    mode: z
      .enum(['Sync', 'RemoveOnly'])
      .default('Sync')
      .describe(
        'Sync adds, re-weights and removes backends. RemoveOnly only removes those that left the cluster; something else adds them.',
      ),
    ownership: z
      .enum(['Shared', 'Exclusive'])
      .default('Shared')
      .describe(
        "Shared leaves backends of others alone. Exclusive removes everything in the group that is not the binding's.",
      ),
    weight: z
      .int()
      .min(0)
      .max(100)
      .default(100)
      .describe('Weight of each backend. With weight 0 it gets no new connections.'),
    addressFamily: z
      .enum(['IPv4', 'IPv6'])
      .optional()
      .describe(
        'Address family of the backends, for pods with addresses of both. IPv6 only if the load balancer takes such backends, which its own address does not say. Only with backendType eni. Default: IPv4 if the endpoints have it, else IPv6.',
      ),
    nodeSelector: labelSelector
      .optional()
      .describe('Which nodes are backends, by label. Only with backendType ecs. Default: all.'),
    drain: drain.optional().describe('How a backend leaves.'),
    readiness: readiness
      .optional()
      .describe(
        `When the readiness gate ${READINESS_GATE} of a pod opens. Only with --readiness-gates of the operator, for pods with the gate in spec.readinessGates, with mode Sync and backendType eni.`,
      ),
    minBackends: z
      .int()
      .min(0)
      .max(1000)
      .default(0)
      .describe(
        'Backends stay if fewer than this many would be left in the group; the condition Ready and an event say so.',
      ),
    deletionPolicy: z
      .enum(['Remove', 'Retain'])
      .default('Remove')
      .describe(
        "What becomes of the binding's backends when it is deleted. Remove removes them; with mode RemoveOnly only those that left the cluster, since something else added the others. Retain leaves them all in the group.",
      ),
    suspend: z
      .boolean()
      .default(false)
      .describe('While true, the group is left as it is, and the condition Ready says Suspended.'),
  })
  .refine(
    ({ vServerGroupId, vServerGroup }) => (vServerGroupId === undefined) !== (vServerGroup === undefined),
    MESSAGES.oneGroup,
  )
  .meta(
    cel(
      {
        rule: 'has(self.vServerGroupId) != has(self.vServerGroup)',
        message: MESSAGES.oneGroup,
      },
      {
        rule: 'has(self.vServerGroupId) == has(oldSelf.vServerGroupId)',
        message:
          'vServerGroupId and vServerGroup cannot replace each other: delete the binding and create another one',
      },
      {
        rule: 'has(self.regionId) == has(oldSelf.regionId)',
        message: 'regionId cannot be added or removed: delete the binding and create another one',
      },
      {
        rule: 'has(self.assumeRole) == has(oldSelf.assumeRole)',
        message: 'assumeRole cannot be added or removed: delete the binding and create another one',
      },
      {
        rule: "!has(self.nodeSelector) || self.backendType == 'ecs'",
        message: 'nodeSelector can only be used with backendType ecs',
      },
    ),
  );

const metadataSchema = z.object({
  name: z.string().min(1),
  namespace: z.string().min(1),
  uid: z.string().default(''),
  generation: z.int().default(0),
  resourceVersion: z.string().default(''),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

export type VServerGroupBindingSpec = z.output<typeof specSchema>;
export type BindingMetadata = z.output<typeof metadataSchema>;

export interface VServerGroupBinding {
  readonly metadata: BindingMetadata;
  readonly spec: VServerGroupBindingSpec;
  readonly status: VServerGroupBindingStatus;
}

/** What can be read of a binding with an invalid spec, field by field. */
export interface UnreadableBinding {
  /** Which fields are invalid, and why. */
  readonly message: string;
  readonly metadata: Partial<BindingMetadata>;
  /** The valid fields, with defaults for absent ones. */
  readonly fields: Partial<VServerGroupBindingSpec>;
  /** The fields that are invalid, or required and missing. */
  readonly misfits: readonly (keyof VServerGroupBindingSpec)[];
  /** As much of the status as is valid; undefined if the object has none. */
  readonly status: VServerGroupBindingStatus | undefined;
}

export type ParsedBinding =
  | { readonly ok: true; readonly binding: VServerGroupBinding }
  | ({ readonly ok: false } & UnreadableBinding);

const envelope = z.object({ metadata: metadataSchema, spec: specSchema, status: z.unknown().optional() });

/**
 * Parses an object from the API server: fills in defaults, drops unknown fields, never throws. An invalid spec is a result, not an error,
 * and its valid fields are returned too. Only the valid part of a status is read, because a binding must not become unusable through its
 * own report.
 */
export function parseBinding(raw: unknown): ParsedBinding {
  const parsed = envelope.safeParse(raw);
  if (!parsed.success) return { ok: false, message: describe(parsed.error), ...whatFits(raw) };
  const { metadata, spec, status } = parsed.data;
  return { ok: true, binding: { metadata, spec, status: parseStatus(status) } };
}

const anObject = z.record(z.string(), z.unknown());
const parts = z
  .object({
    metadata: anObject.catch({}),
    spec: anObject.catch({}),
    status: anObject.optional().catch(undefined),
  })
  .catch({ metadata: {}, spec: {}, status: undefined });

function whatFits(raw: unknown): Omit<UnreadableBinding, 'message'> {
  const { metadata, spec, status } = parts.parse(raw);
  const { fields, misfits } = fieldByField(specSchema, spec);
  return {
    metadata: fieldByField(metadataSchema, metadata).fields,
    fields,
    misfits,
    status: status && parseStatus(status),
  };
}

function fieldByField<S extends z.ZodObject>(
  { shape }: S,
  raw: Readonly<Record<string, unknown>>,
): { readonly fields: Partial<z.output<S>>; readonly misfits: readonly (keyof z.output<S>)[] } {
  const fields: Record<string, unknown> = {};
  const misfits: string[] = [];
  for (const [field, schema] of Object.entries(shape)) {
    const parsed = z.safeParse(schema, raw[field]);
    if (parsed.success) fields[field] = parsed.data;
    else misfits.push(field);
  }
  return { fields: fields as Partial<z.output<S>>, misfits: misfits as (keyof z.output<S>)[] };
}

/** At most five sentences, e.g. `spec.weight: Too big: expected number to be <=100`. */
function describe(error: z.ZodError): string {
  const sentences = error.issues.map(({ path, message }) => {
    const where = path
      .map(String)
      .join('.')
      .replace(/\.(\d+)(?=\.|$)/g, '[$1]');
    return where === '' ? message : `${where}: ${message}`;
  });
  const shown = sentences.slice(0, 5).join('; ');
  return sentences.length > 5 ? `${shown}; and ${sentences.length - 5} more` : shown;
}
