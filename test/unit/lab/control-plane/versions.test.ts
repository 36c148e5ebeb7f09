import { afterEach, expect, test } from '@jest/globals';
import { controlPlaneArtifact, kubectlArtifact } from '../../../../lab/control-plane/build/artifact.ts';
import {
  kubernetesVersions,
  wantedHelm,
  wantedKubernetes,
} from '../../../../lab/control-plane/build/versions.ts';

afterEach(() => {
  delete process.env['E2E_KUBERNETES'];
  delete process.env['E2E_HELM'];
});

test('the newest Kubernetes and the newest Helm are taken unless told otherwise', async () => {
  const versions = await kubernetesVersions();
  expect(versions.length).toBeGreaterThan(1);
  expect(await wantedKubernetes()).toEqual(versions.at(-1));
  expect(wantedHelm()).toBe('4');
});

test('each Kubernetes has a control plane and a kubectl of its own, named after it', async () => {
  const folders = new Set<string>();
  for (const { minor, version } of await kubernetesVersions()) {
    process.env['E2E_KUBERNETES'] = minor;
    for (const artifact of [await controlPlaneArtifact(), await kubectlArtifact()]) {
      expect(artifact.name).toMatch(new RegExp(` ${version}$`));
      expect(artifact.folder).toContain(`-${version}-`);
      folders.add(artifact.folder);
    }
  }
  expect(folders.size).toBe(2 * (await kubernetesVersions()).length);
});

test('a version that there is no module for is refused, and those that there are are named', async () => {
  process.env['E2E_KUBERNETES'] = '1.29';
  await expect(wantedKubernetes()).rejects.toThrow(/^E2E_KUBERNETES=1\.29: there are 1\.30, .*; another one/);
  process.env['E2E_HELM'] = 'v3.22.0';
  expect(wantedHelm).toThrow('E2E_HELM=v3.22.0: there are 3 and 4');
});
