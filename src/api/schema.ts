import { z } from 'zod';

/** A CEL rule of the CRD: the API server refuses objects that violate it, with the message. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** Metadata that adds CEL rules to a zod schema's JSON Schema. */
export function cel(...rules: CelRule[]) {
  return { 'x-kubernetes-validations': rules };
}

export const immutable: CelRule = {
  rule: 'self == oldSelf',
  message: 'cannot be changed: delete the binding and create another one',
};

/**
 * A string in the status. Only the API server enforces its length: the operator reads back what was once written, whatever its length,
 * because a row that cannot be read would be a forgotten backend.
 */
export const statusText = (maxLength: number, description: string) =>
  z.string().meta({ maxLength, description });

export const statusTime = (description: string) => z.string().meta({ format: 'date-time', description });

export const count = (description: string) => z.int().min(0).max(1_000_000).meta({ description });

const LABEL_VALUE = 63;
const LABEL_KEY = 317;

const labelSelectorRequirement = z
  .object({
    key: z.string().min(1).max(LABEL_KEY).describe('The label that the requirement is about.'),
    operator: z
      .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
      .describe('How the label relates to the values.'),
    values: z.array(z.string().max(LABEL_VALUE)).max(64).optional().meta({
      description: 'Label values. Required for In and NotIn, not allowed for Exists and DoesNotExist.',
      'x-kubernetes-list-type': 'atomic',
    }),
  })
  .meta(
    cel({
      rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
      message: 'values are needed for In and NotIn, and not allowed for Exists and DoesNotExist',
    }),
  );

export const labelSelector = z.object({
  matchLabels: z
    .record(z.string().max(LABEL_KEY), z.string().max(LABEL_VALUE))
    .optional()
    .meta({ maxProperties: 64, description: 'Labels that must have exactly these values.' }),
  matchExpressions: z.array(labelSelectorRequirement).max(64).optional().meta({
    description: 'Requirements that must all be met.',
    'x-kubernetes-list-type': 'atomic',
  }),
});

/** metav1.Condition. */
export const condition = z.object({
  type: z.string().meta({
    maxLength: 316,
    pattern: '^[A-Za-z][A-Za-z0-9]*$',
    description: 'Ready, Reconciling or Stalled.',
  }),
  status: z.enum(['True', 'False', 'Unknown']).describe('True, False or Unknown.'),
  observedGeneration: z.int().min(0).optional().describe('The metadata.generation of the condition.'),
  lastTransitionTime: statusTime('When its status last changed.'),
  reason: z.string().meta({
    minLength: 1,
    maxLength: 1024,
    pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    description: 'The cause in one word; docs/messages.md explains them.',
  }),
  message: statusText(32_768, 'What happened, and what to do.'),
});

export type Condition = z.output<typeof condition>;
