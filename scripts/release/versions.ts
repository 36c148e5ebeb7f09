import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const CHART = 'deploy/helm/vservergroup-operator/Chart.yaml';
const OVERLAYS = readdirSync(join(import.meta.dirname, '../../deploy/overlays'));

/** Where the version occurs: the text before it on the same line, or on the line before. */
const PLACES: readonly (readonly [file: string, before: RegExp])[] = [
  ['package.json', /^ {2}"version": "/m],
  ['package-lock.json', /^ {2}"version": "/m],
  ['package-lock.json', /^ {6}"name": "vservergroup-operator",\n {6}"version": "/m],
  ['Dockerfile', /^ARG VERSION=/m],
  [CHART, /^version: /m],
  [CHART, /^appVersion: /m],
  ['deploy/base/deployment.yaml', /image: vservergroup-operator:/],
  ...OVERLAYS.map((overlay) => [`deploy/overlays/${overlay}/kustomization.yaml`, /newTag: /] as const),
  ['docs/image.md', /^IMAGE=\$REGISTRY\/vservergroup-operator:/m],
  ['docs/image.md', /^docker push \$REGISTRY\/vservergroup-operator:/m],
  ['docs/plugin.md', /registry\.example\.com\/vservergroup-operator:/],
  ['scripts/docs/plugin.ts', /registry\.example\.com\/vservergroup-operator:/],
  ['simulator/README.md', /registry\.example\.com\/slb-simulator:/],
  ['.github/ISSUE_TEMPLATE/bug.yml', /placeholder: operator /],
];

/** The contents of the files that name the version, with `version` in its place. */
export function withVersion(read: (file: string) => string, version: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [file, before] of PLACES) {
    const text = files.get(file) ?? read(file);
    const place = before.exec(text);
    if (place === null) throw new Error(`${file} has no version after ${before}`);
    const start = place.index + place[0].length;
    files.set(file, text.slice(0, start) + text.slice(start).replace(/^[\w.-]+/, version));
  }
  return files;
}
