import { OPERATOR } from '../api/names.ts';
import { asObject, asString, type JsonObject } from '../json.ts';
import type { Admission } from './admit-pod.ts';
import { jsonPatch } from './json-patch.ts';

const API_VERSION = 'admission.k8s.io/v1';

/** An AdmissionReview for the creation of a pod. */
export interface PodReview {
  readonly uid: string;
  /** From the request, because the pod itself may not have its namespace set yet. */
  readonly namespace: string;
  readonly pod: JsonObject;
}

/** Undefined if the body is not an AdmissionReview. `pod` is undefined unless the request creates a pod. */
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

/** The response always allows the pod, whatever the admission's result. */
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
