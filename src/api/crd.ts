import { z } from 'zod';
import {
  API_GROUP,
  API_VERSION,
  CATEGORY,
  KIND,
  OPERATOR,
  PLURAL,
  SCHEMA_VERSION,
  SHORT_NAME,
} from './names.ts';
import { statusSchema } from './status.ts';
import { specSchema } from './vservergroupbinding.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema & { properties?: Record<string, JsonSchema> };

const DESCRIPTION =
  "Binds a vServer group of a classic load balancer (SLB/CLB) to a Service: the operator keeps the group's backends equal to the Service's endpoints and removes at once what left the cluster.";

/** The CustomResourceDefinition, generated from the schema that the operator itself parses bindings with. */
export function customResourceDefinition() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.${API_GROUP}`, labels: { 'app.kubernetes.io/name': OPERATOR } },
    spec: {
      group: API_GROUP,
      names: {
        kind: KIND,
        listKind: `${KIND}List`,
        plural: PLURAL,
        singular: KIND.toLowerCase(),
        shortNames: [SHORT_NAME],
        categories: [CATEGORY],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: SCHEMA_VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: PRINTER_COLUMNS,
          schema: { openAPIV3Schema: openApiSchema() },
        },
      ],
    },
  };
}

const column = (name: string, type: string, jsonPath: string, description: string, priority = 0) => ({
  name,
  type,
  jsonPath,
  description,
  ...(priority > 0 && { priority }),
});

const ready = (field: string) => `.status.conditions[?(@.type=="Ready")].${field}`;

const PRINTER_COLUMNS = [
  column('Group', 'string', '.status.vServerGroupId', 'The vServer group that the backends are in.'),
  column('Service', 'string', '.spec.serviceRef.name', 'The Service whose members it holds.'),
  column('Mode', 'string', '.spec.mode', 'Sync or RemoveOnly.'),
  column('Desired', 'integer', '.status.desired', 'Backends that the group should hold.'),
  column('Registered', 'integer', '.status.registered', 'Backends that get connections.'),
  column(
    'Draining',
    'integer',
    '.status.draining',
    'Backends with weight 0: leaving, or on a drained or departing node.',
  ),
  column('Ready', 'string', ready('status'), 'Whether the group holds what it should.'),
  column('Reason', 'string', ready('reason'), 'Why.', 1),
  column('Type', 'string', '.spec.backendType', 'eni or ecs.', 1),
  column('GroupName', 'string', '.spec.vServerGroup.name', 'The name that the group was found by.', 1),
  column('LoadBalancer', 'string', '.status.loadBalancerId', 'The load balancer of the group.', 1),
  column('Foreign', 'integer', '.status.foreign', "Backends in the group that are not this binding's.", 1),
  column('HoldSeconds', 'integer', '.status.holdSeconds', 'For how long pods have to be held.', 1),
  column('WithoutHold', 'integer', '.status.podsWithoutHold', 'Pods that are held for less.', 1),
  column('WithoutGate', 'integer', '.status.podsWithoutGate', 'Pods without the readiness gate.', 1),
  column('Age', 'date', '.metadata.creationTimestamp', 'Time since the binding was created.'),
];

function openApiSchema(): JsonSchema {
  return {
    type: 'object',
    description: DESCRIPTION,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: `Version of the schema: ${API_VERSION}.` },
      kind: { type: 'string', description: `Kind of the object: ${KIND}.` },
      metadata: { type: 'object' },
      spec: { ...structural(specSchema), description: 'What the group should hold, and how it gets there.' },
      status: {
        ...structural(statusSchema, { defaults: false }),
        description: 'What the operator last saw and did.',
        // Applies until the operator writes a status, so that tools that wait for the current generation do wait.
        default: { observedGeneration: -1 },
      },
    },
  };
}

/** Converts a zod schema to a structural schema as the API server accepts it. */
function structural(schema: z.ZodType, { defaults = true } = {}): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    override: ({ jsonSchema }) => {
      // The API server does not accept unions; its x-kubernetes-int-or-string covers the only one here.
      if (jsonSchema['x-kubernetes-int-or-string']) delete jsonSchema.anyOf;
      // The message of a CEL rule is readable, that of a pattern is not.
      if (jsonSchema['x-kubernetes-validations']) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.type === 'integer') jsonSchema.format = 'int64';
      if (!defaults) delete jsonSchema.default;
    },
  }) as JsonSchema;
}
