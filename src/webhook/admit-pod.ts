import { ZERO_DOWNTIME_LABEL } from '../api/names.ts';
import { asObject, type JsonObject } from '../json.ts';
import { strings } from '../kubernetes/objects/metadata.ts';
import { matchesSelector } from '../membership/desired/label-selector.ts';
import type { FieldChange } from '../zero-downtime/field-change.ts';
import { heldSeconds, leftAlone, planTemplate } from '../zero-downtime/pod-template-plan.ts';

/** A Service that a binding names, and what the binding asks of the pods that it selects. */
export interface BoundService {
  /** Not empty. */
  readonly selector: Readonly<Record<string, string>>;
  /** The binding adds pods to its group, so that they can wait for it. */
  readonly addsPods: boolean;
  /** For how long a pod of it has to serve after its deletion. */
  readonly holdSeconds: number;
}

/** What can be given to pods at all. */
export interface Offer {
  /** Somebody opens readiness gates. */
  readonly gates: boolean;
  /** The cluster knows `preStop.sleep`. An older one would refuse a pod that has it. */
  readonly holds: boolean;
}

export const ADMISSIONS = ['changed', 'unchanged', 'unwanted', 'left-alone', 'not-ready', 'error'] as const;

export interface Admission {
  /**
   * changed: it lacked something; unchanged: it lacks nothing that it can get; unwanted: no binding wants it; left-alone: by rule;
   * not-ready: the caches are not complete; error: a fault of ours.
   */
  readonly result: (typeof ADMISSIONS)[number];
  readonly changes: readonly FieldChange[];
  /** For who creates the pod. */
  readonly warnings: readonly string[];
}

/** The API server drops what is over 4,096 characters altogether. */
const MOST_WARNINGS = 8;

/**
 * What a new pod gets. It is never refused.
 *
 * | the pod                                                    = gate                    | hold                         |
 * |------------------------------------------------------------|-------------------------|------------------------------|
 * | is selected by no Service that a binding names             | unchanged               | unchanged                    |
 * | ends by itself, is its kubelet's, or opts out              | unchanged               | unchanged                    |
 * | is selected, by a binding that adds pods among others      | if somebody opens gates | the longest that one asks of |
 * | … by such only as add none (`RemoveOnly`, `ecs`)           | unchanged               | the same                     |
 * | … and has a longer hold already                            | …                       | unchanged                    |
 */
export function admitPod(pod: JsonObject, bound: readonly BoundService[], offer: Offer): Admission {
  const labels = strings(asObject(pod['metadata'])['labels']);
  const unknown = unknownLabel(labels[ZERO_DOWNTIME_LABEL]);
  const wanting = bound.filter(({ selector }) => matchesSelector({ matchLabels: selector }, labels));
  if (wanting.length === 0) return { result: 'unwanted', changes: [], warnings: unknown };
  if (leftAlone(pod) !== undefined) return { result: 'left-alone', changes: [], warnings: unknown };

  const needed = Math.max(...wanting.map(({ holdSeconds }) => holdSeconds));
  const { changes, refused } = planTemplate(pod, {
    gate: offer.gates && wanting.some(({ addsPods }) => addsPods),
    holdSeconds: offer.holds ? Math.max(needed, heldSeconds(pod)) : undefined,
  });
  const tooOld = offer.holds ? [] : ['no termination hold: it needs Kubernetes 1.30'];
  return {
    result: changes.length > 0 ? 'changed' : 'unchanged',
    changes,
    warnings: [...unknown, ...tooOld, ...refused].slice(0, MOST_WARNINGS),
  };
}

function unknownLabel(value: string | undefined): readonly string[] {
  if (value === undefined || value === 'enabled' || value === 'disabled') return [];
  return [`label ${ZERO_DOWNTIME_LABEL} is "${value}": expected enabled or disabled; taken as enabled`];
}
