import { parseDocument, type YAMLMap } from 'yaml';
import { chartReadme } from './readme.ts';
import { chartValues, valuesSchema } from './values-schema.ts';

export interface Image {
  /** Registry and repository name. */
  readonly repository: string;
  /** `sha256:…` */
  readonly digest: string;
}

/**
 * What differs in the chart of a release: it contains the reference of its image. `read` takes a path in the chart, `install` is
 * the text of docs/install.md. Returns the contents of the changed files by path.
 */
export function releasedChart(
  read: (path: string) => string,
  install: string,
  { repository, digest }: Image,
): ReadonlyMap<string, string> {
  const document = parseDocument(read('values.yaml'));
  const image = document.get('image') as YAMLMap;
  image.set('repository', repository);
  image.set('digest', digest);
  const rules = (image.commentBefore ?? '').split('\n').filter((line) => line.startsWith(' @schema '));
  const description =
    ' -- Registry and name, without tag: here and in the digest, the image of this release.';
  image.commentBefore = [description, ...rules].join('\n');
  const text = document.toString({ lineWidth: 0 });
  const values = chartValues(text);
  const chart = parseDocument(read('Chart.yaml'));
  const version = String(chart.get('version'));
  const isPreRelease = version.includes('-');
  chart.setIn(['annotations', 'artifacthub.io/prerelease'], String(isPreRelease));
  return new Map([
    ['values.yaml', text],
    ['values.schema.json', valuesSchema(values)],
    ['README.md', chartReadme(values, install, { address: chartAddress(repository), version })],
    ['Chart.yaml', chart.toString({ lineWidth: 0, flowCollectionPadding: false })],
  ]);
}

/** Where .github/workflows/release.yml pushes the chart whose image is in this repository. */
function chartAddress(repository: string): string {
  return `oci://${repository.replace(/[^/]*$/, '')}charts/vservergroup-operator`;
}
