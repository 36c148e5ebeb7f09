import { resolve } from 'node:path';
import { applyObjects } from '../../control-plane/api/apply.ts';
import type { KubeApi, KubeObject } from '../../control-plane/api/kube-api.ts';
import { readManifests } from '../../control-plane/api/manifest.ts';

const SAMPLES = resolve(import.meta.dirname, '../../../deploy/samples');

/** Runs anywhere and stops at once. */
const SMALL_IMAGE = 'registry.k8s.io/pause:3.10';

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly name: string; readonly ports?: readonly unknown[] }[];
      };
    };
  };
}

export interface AppOptions {
  readonly replicas: number;
  /** Real nodes must pull and stop the image quickly, so a smaller image is used. */
  readonly realNodes: boolean;
}

/** deploy/samples/web.yaml with more replicas. */
export async function applyApp(api: KubeApi, namespace: string, options: AppOptions): Promise<void> {
  const objects = (await readManifests(resolve(SAMPLES, 'web.yaml'))).map(({ object }) =>
    object.kind === 'Deployment' ? withOptions(object as Deployment, options) : object,
  );
  await applyObjects(api, objects, { namespace, fieldManager: 'demo' });
}

/** deploy/samples/binding-eni.yaml for the given group and drain. */
export async function applyBinding(
  api: KubeApi,
  namespace: string,
  spec: { readonly vServerGroupId: string; readonly drain: { readonly seconds: number } },
): Promise<void> {
  const objects = (await readManifests(resolve(SAMPLES, 'binding-eni.yaml'))).map(({ object }) => ({
    ...object,
    spec: { ...(object.spec as object), ...spec },
  }));
  await applyObjects(api, objects, { namespace, fieldManager: 'demo' });
}

function withOptions(deployment: Deployment, { replicas, realNodes }: AppOptions): KubeObject {
  const { spec } = deployment;
  const { template } = spec;
  const small = {
    terminationGracePeriodSeconds: 1,
    containers: template.spec.containers.map(({ name, ports }) => ({ name, image: SMALL_IMAGE, ports })),
  };
  const podSpec = realNodes ? small : template.spec;
  return {
    ...deployment,
    spec: { ...spec, replicas, template: { ...template, spec: podSpec } },
  } as KubeObject;
}
