import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { KubeObject } from '../../../lab/control-plane/api/kube-api.ts';
import { createOverlay, type OverlayOptions } from '../../helm/overlay.ts';
import { DeployTools } from '../../helm/tools.ts';

const BUILD_MS = 30 * 60_000;

jest.setTimeout(60_000);

let tools: DeployTools;
let overlays = 0;

beforeAll(async () => {
  tools = await DeployTools.find();
}, BUILD_MS);

afterAll(async () => {
  await tools?.close();
});

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly [
          { readonly envFrom: readonly [{ readonly configMapRef: { readonly name: string } }] },
        ];
      };
    };
  };
}

/** What kustomize builds from an overlay: the pod template, and the settings with which the pods start. */
async function built(options: OverlayOptions) {
  const objects = await tools.kustomize(await createOverlay(tools, `overlay-${++overlays}`, options));
  const { template } = (objects.find(({ kind }) => kind === 'Deployment') as Deployment).spec;
  const { name } = template.spec.containers[0].envFrom[0].configMapRef;
  const configMaps = objects.filter(({ kind }) => kind === 'ConfigMap') as (KubeObject & { data: object })[];
  expect(configMaps.map(({ metadata }) => metadata.name)).toEqual([name]);
  return { template, name, settings: configMaps[0]?.data, objects };
}

test('a changed setting makes new pods, the same ones do not', async () => {
  const running = await built({ settings: { VSGB_DRY_RUN: 'false' } });
  const again = await built({ settings: { VSGB_DRY_RUN: 'false' } });
  const stopped = await built({ settings: { VSGB_DRY_RUN: 'true' } });
  expect(again.template).toEqual(running.template);
  expect(stopped.template).not.toEqual(running.template);
  expect(stopped.settings).toMatchObject({ VSGB_DRY_RUN: 'true' });
});

test('nothing but the Deployment is made to name the ConfigMap', async () => {
  const { objects, name } = await built({ components: ['components/readiness-gates'] });
  const naming = objects.filter((object) => JSON.stringify(object).includes(name)).map(({ kind }) => kind);
  expect(naming.toSorted()).toEqual(['ConfigMap', 'Deployment']);
});

test('the settings of base, components and overlay come together', async () => {
  const components = ['metrics-auth', 'metrics-tls', 'readiness-gates'].map((name) => `components/${name}`);
  const { settings } = await built({ components });
  expect(settings).toEqual({
    VSGB_REGION: 'cn-hangzhou',
    VSGB_LOG_LEVEL: 'info',
    VSGB_METRICS_AUTH: 'kubernetes',
    VSGB_METRICS_TLS_DIR: '/var/run/secrets/vservergroup-operator-metrics',
    VSGB_READINESS_GATES: 'true',
  });
});

test('an overlay may set them by a patch of the ConfigMap, too: new values, new pods', async () => {
  const patched = (value: string) => {
    const metadata = { name: 'vservergroup-operator-config', namespace: 'vservergroup-operator' };
    const patch = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { VSGB_DRY_RUN: value } };
    return built({ fields: { patches: [{ patch: JSON.stringify(patch) }] } });
  };
  const [running, stopped] = [await patched('false'), await patched('true')];
  expect(stopped.settings).toMatchObject({ VSGB_REGION: 'cn-hangzhou', VSGB_DRY_RUN: 'true' });
  expect(stopped.template).not.toEqual(running.template);
});

test('an overlay may have a namespace of its own', async () => {
  const { objects, settings } = await built({ fields: { namespace: 'slb-system' } });
  expect(settings).toMatchObject({ VSGB_REGION: 'cn-hangzhou' });
  const configMap = objects.find(({ kind }) => kind === 'ConfigMap');
  expect(configMap?.metadata.namespace).toBe('slb-system');
});

test('that for some namespaces may have one by a folder in place of the base, as its comment says', async () => {
  const example = resolve(import.meta.dirname, '../../../deploy/overlays/example-namespaces');
  const options = { components: ['components/readiness-gates'], fields: { namespace: 'slb-system' } };
  const renamed = await createOverlay(tools, 'renamed', options);
  const folder = join(tools.dir, 'some-namespaces');
  await mkdir(folder);
  for (const file of ['kustomization.yaml', 'role-bindings.yaml']) {
    const text = (await readFile(join(example, file), 'utf8'))
      .replace('- ../../base', `- ${relative(folder, renamed)}`)
      .replaceAll('namespace: vservergroup-operator', 'namespace: slb-system');
    await writeFile(join(folder, file), text);
  }
  const objects = await tools.kustomize(folder);
  const bindings = objects.filter(({ kind }) => kind === 'RoleBinding');
  expect(bindings.map(({ metadata }) => metadata.namespace).sort()).toEqual(['shop', 'slb-system', 'web']);
  expect(JSON.stringify(objects)).not.toContain('"namespace":"vservergroup-operator"');
});
