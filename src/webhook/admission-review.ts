import { OPERATOR } from '../api/names.ts';
import { asObject, asString, type JsonObject } from '../json.ts';
import type { Admission } from './admit-pod.ts';
import { jsonPatch } from './json-patch.ts';

const API_VERSION = 'admission.k8s.io/v1';

/** The creation of a pod, as the API server asks about it. */
export interface PodReview {
  readonly uid: string;
  /** A pod itself may not name it yet. */
  readonly namespace: string;
  readonly pod: JsonObject;
}

/** Undefined: it is no AdmissionReview. Anything but a pod that is created has no pod. */
export function readReview(body: unknown): PodReview | undefined {
  const { apiVersion, request } = asObject(body);
  const { uid, namespace, kind, operation, subResource, object } = asObject(request);
  if (apiVersion !== API_VERSION || asString(uid) === '') return undefined;
  const isNewPod = operation === 'CREATE' && asObject(kind)['kind'] === 'Pod' && asString(subResource) === '';
  return {
    uid: asString(uid),
    namespace: asString(namespace),
    pod: isNewPod ? asObject(object) : {},
  };
}

/** The pod is let in, whatever is in the admission. */
export function reviewAnswer(
  { uid, pod }: PodReview,
  { changes, warnings }: Pick<Admission, 'changes' | 'warnings'>,
): object {
  const patch = Buffer.from(JSON.stringify(jsonPatch(pod, changes))).toString('base64');
  const response = {
    uid,
    allowed: true,
    ...(changes.length > 0 && { patchType: 'JSONPatch', patch }),
    ...(warnings.length > 0 && { warnings: warnings.map((warning) => `${OPERATOR}: ${warning}`) }),
  };
  return { apiVersion: API_VERSION, kind: 'AdmissionReview', response };
}
