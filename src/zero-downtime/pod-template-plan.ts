import { isDeepStrictEqual } from 'node:util';
import { HOLD_ANNOTATION, READINESS_GATE, ZERO_DOWNTIME_LABEL } from '../api/names.ts';
import { asArray, asObject, asString, type JsonObject } from '../json.ts';
import { DEFAULT_GRACE_SECONDS } from '../kubernetes/objects/hold.ts';
import { type FieldChange, type Path, valueAt } from './field-change.ts';

/** What the pods should get. */
export interface Wanted {
  readonly gate: boolean;
  /** For how many seconds their containers sleep before they are stopped; undefined: no hold. */
  readonly holdSeconds: number | undefined;
}

export interface TemplatePlan {
  readonly changes: readonly FieldChange[];
  /** What the changes do, in words. */
  readonly done: readonly string[];
  /** What is still missing, why, and what to do. */
  readonly refused: readonly string[];
}

/** Why pods of this template must get neither gate nor hold; undefined if they may. */
export function leftAlone(template: JsonObject): string | undefined {
  const restartPolicy = asString(asObject(template['spec'])['restartPolicy']);
  if (restartPolicy !== '' && restartPolicy !== 'Always')
    return `its restartPolicy is ${restartPolicy}: such pods run to completion`;
  if (valueAt(template, ['metadata', 'annotations', 'kubernetes.io/config.mirror']) !== undefined)
    return 'a mirror pod is written by its kubelet';
  if (valueAt(template, ['metadata', 'labels', ZERO_DOWNTIME_LABEL]) === 'disabled')
    return `its label ${ZERO_DOWNTIME_LABEL} is disabled`;
  return undefined;
}

/** The hold that an earlier run wrote, in seconds: the annotation's value if a container sleeps for exactly that long, or else 0. */
export function heldSeconds(template: JsonObject): number {
  const annotated = annotatedSeconds(template);
  const sleeps = asArray(valueAt(template, ['spec', 'containers'])).some((container) =>
    isSleep(asObject(valueAt(container, ['lifecycle', 'preStop'])), annotated),
  );
  return sleeps && Number.isInteger(annotated) ? annotated : 0;
}

/** What a pod template lacks. Once the plan has been carried out, a new one has no changes. */
export function planTemplate(template: JsonObject, { gate, holdSeconds }: Wanted): TemplatePlan {
  const spec = asObject(template['spec']);
  const plans = [
    ...(gate ? [planGate(spec)] : []),
    ...(holdSeconds !== undefined ? [planHold(template, spec, holdSeconds)] : []),
  ];
  return {
    changes: plans.flatMap(({ changes }) => changes),
    done: plans.flatMap(({ done }) => done),
    refused: plans.flatMap(({ refused }) => refused),
  };
}

function planGate(spec: JsonObject): TemplatePlan {
  const gates = asArray(spec['readinessGates']);
  const gate = { conditionType: READINESS_GATE };
  if (gates.some((each) => asObject(each)['conditionType'] === READINESS_GATE)) return NOTHING;
  const path = ['spec', 'readinessGates'];
  const change =
    gates.length === 0 ? { path, value: [gate] } : { path: [...path, gates.length], value: gate };
  return { ...NOTHING, changes: [change], done: ['readiness gate'] };
}

/**
 * The annotation records what an earlier run wrote. If a container sleeps for exactly that long, the earlier run added the sleep and raised
 * the grace period by as much: both are replaced. Without such a container the annotation is a leftover.
 *
 * preStop of a container             | becomes
 * none                               | ours
 * a sleep as long as annotated       | ours
 * any other sleep, no shorter        | unchanged: it is long enough
 * anything else                      | unchanged, and reported
 */
function planHold(template: JsonObject, spec: JsonObject, seconds: number): TemplatePlan {
  const annotated = annotatedSeconds(template);
  const containers = asArray(spec['containers']).map((container, i) => {
    const preStop = asObject(asObject(asObject(container)['lifecycle'])['preStop']);
    const name = asString(asObject(container)['name']);
    return { path: ['spec', 'containers', i, 'lifecycle', 'preStop'], name, preStop };
  });
  const earlier = containers.filter(({ preStop }) => isSleep(preStop, annotated));
  const without = containers.filter(({ preStop }) => Object.keys(preStop).length === 0);
  const refused = containers
    .filter((container) => !earlier.includes(container) && !without.includes(container))
    .filter(({ preStop }) => !(sleepOf(preStop) >= seconds))
    .map(
      ({ name }) =>
        `container ${name} has its own preStop, which stays as it is: make sure that it takes ${seconds} s or more`,
    );
  if (earlier.length + without.length === 0) return { ...NOTHING, refused };

  const given = spec['terminationGracePeriodSeconds'] ?? undefined;
  const grace = given ?? DEFAULT_GRACE_SECONDS;
  if (!Number.isInteger(grace) || Number(grace) < 0) {
    const received = JSON.stringify(grace);
    return {
      ...NOTHING,
      refused: [
        `no hold, because terminationGracePeriodSeconds is ${received}: set a whole number of seconds`,
        ...refused,
      ],
    };
  }
  const before = Number(grace);
  const raisedBy = earlier.length > 0 && given !== undefined && before >= annotated ? annotated : 0;
  const after = before - raisedBy + seconds;
  const sleep = (path: Path) => ({ path, value: { sleep: { seconds } } });
  const changes = [
    ...(annotated === seconds
      ? []
      : [{ path: ['metadata', 'annotations', HOLD_ANNOTATION], value: String(seconds) }]),
    ...without.map(({ path }) => sleep(path)),
    ...(annotated === seconds
      ? []
      : earlier.map(({ path }) => ({ path: [...path, 'sleep', 'seconds'], value: seconds }))),
    ...(given === after ? [] : [{ path: ['spec', 'terminationGracePeriodSeconds'], value: after }]),
  ];
  if (changes.length === 0) return { ...NOTHING, refused };
  return { changes, refused, done: [`hold of ${seconds} s`, `grace period of ${after} s (was ${before} s)`] };
}

/** NaN if there is no annotation, or its value is not a number. */
function annotatedSeconds(template: JsonObject): number {
  return Number(valueAt(template, ['metadata', 'annotations', HOLD_ANNOTATION]));
}

const NOTHING: TemplatePlan = { changes: [], done: [], refused: [] };

function isSleep(preStop: JsonObject, seconds: number): boolean {
  return isDeepStrictEqual(preStop, { sleep: { seconds } });
}

/** NaN if the hook is not a sleep. */
function sleepOf(preStop: JsonObject): number {
  const { seconds } = asObject(preStop['sleep']);
  return isSleep(preStop, Number(seconds)) ? Number(seconds) : Number.NaN;
}
