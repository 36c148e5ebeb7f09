import { ZERO_DOWNTIME_LABEL } from '../api/names.ts';
import { asObject, type JsonObject } from '../json.ts';
import { strings } from '../kubernetes/objects/metadata.ts';
import { matchesSelector } from '../membership/desired/label-selector.ts';
import type { FieldChange } from '../zero-downtime/field-change.ts';
import { heldSeconds, leftAlone, planTemplate } from '../zero-downtime/pod-template-plan.ts';

/** A Service that a binding names, and what the binding requires of the pods that the Service selects. */
export interface BoundService {
  /** Never empty. */
  readonly selector: Readonly<Record<string, string>>;
  /** Whether the binding adds pods to its group, so that they can wait for it. */
  readonly addsPods: boolean;
  /** How long a pod of the Service must keep serving after its deletion. */
  readonly holdSeconds: number;
}

/** What can be given to pods in this cluster. */
export interface Offer {
  /** Whether the operator opens readiness gates. */
  readonly gates: boolean;
  /** Whether the cluster supports `preStop.sleep`. An older cluster would refuse a pod that has it. */
  readonly holds: boolean;
}

export const ADMISSIONS = ['changed', 'unchanged', 'unwanted', 'left-alone', 'not-ready', 'error'] as const;

export interface Admission {
  /**
   * changed: the pod lacked something; unchanged: it lacks nothing that it can get; unwanted: no binding wants it; left-alone: pods like
   * this one are never changed; not-ready: the caches are not complete; error: an error in the webhook itself.
   */
  readonly result: (typeof ADMISSIONS)[number];
  readonly changes: readonly FieldChange[];
  /** Shown to the client that creates the pod. */
  readonly warnings: readonly string[];
}

/** The API server drops warnings beyond 4,096 characters in total. */
const MOST_WARNINGS = 8;

/**
 * What a new pod gets. A pod is never refused.
 *
 * | the pod                                                     = gate                    | hold                     |
 * |-------------------------------------------------------------|-------------------------|--------------------------|
 * | is selected by no Service that a binding names              | unchanged               | unchanged                |
 * | runs to completion, is a mirror pod, or opts out            | unchanged               | unchanged                |
 * | is selected, and at least one binding adds pods             | if somebody opens gates | the longest one required |
 * | is selected, but no binding adds pods (`RemoveOnly`, `ecs`) | unchanged               | the longest one required |
 * | is selected, and already has a longer hold                  | as above                | unchanged                |
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
