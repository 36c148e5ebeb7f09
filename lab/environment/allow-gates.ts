import { resolve } from 'node:path';
import { applyFiles } from '../control-plane/api/apply.ts';
import type { KubeApi } from '../control-plane/api/kube-api.ts';

const COMPONENT = resolve(import.meta.dirname, '../../deploy/components/readiness-gates');
export const GATE_RBAC = resolve(COMPONENT, 'rbac.yaml');
const GATE_POLICY = resolve(COMPONENT, 'admission-policy.yaml');

/** Gives the operator the right to write readiness gates, and nothing else of pods. */
export async function allowGates(api: KubeApi): Promise<void> {
  await applyFiles(api, [GATE_RBAC, GATE_POLICY]);
}
