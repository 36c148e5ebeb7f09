import { parse, parseDocument, stringify } from 'yaml';
import { customResourceDefinition } from '../../src/api/crd.ts';

/**
 * Chart.yaml with the annotations from which Artifact Hub shows the custom resource
 * (https://artifacthub.io/docs/topics/annotations/helm). `example`: a binding, as YAML.
 */
export function withArtifactHub(chart: string, example: string): string {
  const { metadata, spec } = customResourceDefinition();
  const crds = spec.versions.map(({ name, schema }) => ({
    kind: spec.names.kind,
    version: name,
    name: metadata.name,
    displayName: spec.names.kind,
    description: schema.openAPIV3Schema.description,
  }));
  const document = parseDocument(chart);
  const set = (name: string, value: unknown) =>
    document.setIn(['annotations', `artifacthub.io/${name}`], stringify(value, { lineWidth: 0 }));
  set('crds', crds);
  set('crdsExamples', [parse(example)]);
  return document.toString({ lineWidth: 0, blockQuote: 'literal', flowCollectionPadding: false });
}
