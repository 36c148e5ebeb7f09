import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { withArtifactHub } from '../../scripts/chart/artifact-hub.ts';
import { chartReadme } from '../../scripts/chart/readme.ts';
import { releasedChart } from '../../scripts/chart/released.ts';
import { readValues } from '../../scripts/chart/values.ts';
import { valuesSchema } from '../../scripts/chart/values-schema.ts';
import { specSchema } from '../../src/api/vservergroupbinding.ts';
import { VALUES } from '../helm/values.ts';

const CHART = resolve(import.meta.dirname, '../../deploy/helm/vservergroup-operator');

const KINDS = { texts: { additionalProperties: { type: 'string' } } };
const read = (text: string) => readValues(text, KINDS);

describe('values.yaml', () => {
  test('gives name, description, default and rule of each value, in its order', () => {
    const text = `
# -- How many. Two lines
# are one description.
# @schema minimum: 1
replicas: 2
image:
  # -- Where from.
  repository: ""
  # -- What they are told by.
  # @schema texts
  labels:
    team: edge
`;
    expect(read(text)).toEqual([
      {
        path: ['replicas'],
        description: 'How many. Two lines are one description.',
        fallback: 2,
        schema: { type: 'integer', minimum: 1 },
      },
      { path: ['image', 'repository'], description: 'Where from.', fallback: '', schema: { type: 'string' } },
      {
        path: ['image', 'labels'],
        description: 'What they are told by.',
        fallback: { team: 'edge' },
        schema: { type: 'object', additionalProperties: { type: 'string' } },
      },
    ]);
  });

  test.each([
    ['image:\n  tag: ""', 'image.tag is not described: put a comment "# -- …" in front of it'],
    ['image:\n  # Which one.\n  tag: ""', 'image.tag is not described'],
    ['# -- Labels.\nlabels: {}', 'labels has no rule: put a comment "# @schema …" in front of it'],
    ['labels: {}', 'labels is not described'],
    ['# -- Labels.\n# @schema text\nlabels: {}', 'labels: "text" is neither a kind of value nor a rule'],
  ])('that is %j fails: %s', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  test('is the source of the schema, in which every group takes its values alone', () => {
    const values = read('# -- One.\none: ""\ntwo:\n  # -- Three.\n  three: true\n');
    expect(JSON.parse(valuesSchema(values))).toMatchObject({
      additionalProperties: false,
      properties: {
        global: { type: 'object' },
        one: { type: 'string', description: 'One.' },
        two: {
          additionalProperties: false,
          properties: { three: { type: 'boolean', description: 'Three.' } },
        },
      },
    });
  });

  test('is the source of the README, which has the command of docs/install.md', () => {
    const install = '```sh\nhelm install x chart \\\n  --set region=cn-hangzhou\nkubectl get pods\n```';
    const readme = chartReadme(read('image:\n  # -- A | B.\n  tag: "a"\n'), install);
    expect(readme).toContain('```sh\nhelm install x chart \\\n  --set region=cn-hangzhou\n```');
    expect(readme).toContain('| `image.tag` | `"a"` | A \\| B. |');
  });
});

test('the values that docs/install.md shows for a proxy are those that are installed in a test', () => {
  const install = readFileSync(join(CHART, '../../../docs/install.md'), 'utf8');
  const [, block = ''] = /^```yaml\n(extraEnv:\n.*?)^```$/ms.exec(install) ?? [];
  const { region, image, ...shown } = VALUES['a proxy with a certificate authority of its own'];
  expect(parse(block)).toEqual(shown);
});

test('the chart of a release has its image in values, README and schema, and is no pre-release', () => {
  const image = { repository: 'registry.example.com/operator', digest: `sha256:${'0'.repeat(64)}` };
  const file = (path: string) => readFileSync(join(CHART, path), 'utf8');
  const install = readFileSync(join(CHART, '../../../docs/install.md'), 'utf8');
  const files = releasedChart(file, install, image);
  expect(parse(files.get('values.yaml')!)).toEqual({
    ...parse(file('values.yaml')),
    image: { ...parse(file('values.yaml')).image, ...image },
  });
  expect(files.get('README.md')).toContain(
    `| \`image.repository\` | \`"${image.repository}"\` | Registry and name`,
  );
  expect(files.get('README.md')).toContain(`\`\`\`sh
helm install vservergroup-operator oci://registry.example.com/charts/vservergroup-operator --version ${parse(file('Chart.yaml')).version} \\
  --namespace vservergroup-operator --create-namespace \\
  --set region=cn-hangzhou`);
  expect(files.get('README.md')).not.toMatch(/image\.repository=|\$REGISTRY|\.\.\/|clone/);
  const rule = (text: string) => JSON.parse(text).properties.image.properties.repository.pattern;
  expect(rule(files.get('values.schema.json')!)).toBe(rule(file('values.schema.json')));
  for (const name of ['README.md', 'values.schema.json', 'values.yaml'])
    expect(files.get(name)).not.toContain('no image is published');
  const prerelease = { 'artifacthub.io/prerelease': 'false' };
  expect(parse(files.get('Chart.yaml')!)).toEqual({
    ...parse(file('Chart.yaml')),
    annotations: { ...parse(file('Chart.yaml')).annotations, ...prerelease },
  });
  const candidate = releasedChart(
    (path) => file(path).replace(/^version: .*/m, 'version: 9.0.0-rc.1'),
    install,
    image,
  );
  expect(parse(candidate.get('Chart.yaml')!).annotations).toMatchObject({
    'artifacthub.io/prerelease': 'true',
  });
});

describe('Chart.yaml', () => {
  const text = readFileSync(join(CHART, 'Chart.yaml'), 'utf8');
  const annotations: Record<string, string> = parse(text).annotations;

  test('tells Artifact Hub what it knows: categories, capabilities and switches', () => {
    const one = (name: string) => annotations[`artifacthub.io/${name}`];
    expect(one('category')).toBe('networking');
    expect(['basic install', 'seamless upgrades', 'full lifecycle', 'deep insights', 'auto pilot']).toContain(
      one('operatorCapabilities'),
    );
    expect(one('operator')).toBe('true');
    expect(['true', 'false']).toContain(one('prerelease'));
  });

  test('shows the custom resource, with an example that the operator takes', () => {
    expect(parse(annotations['artifacthub.io/crds']!)).toMatchObject([
      { kind: 'VServerGroupBinding', name: 'vservergroupbindings.slb.alibabacloud.com', version: 'v1beta1' },
    ]);
    const [example] = parse(annotations['artifacthub.io/crdsExamples']!);
    expect(example).toMatchObject({
      kind: 'VServerGroupBinding',
      apiVersion: 'slb.alibabacloud.com/v1beta1',
    });
    expect(specSchema.safeParse(example.spec)).toMatchObject({ success: true });
  });

  test('keeps what stands in it', () => {
    const chart = 'name: x # ours\nkeywords: [a, b]\nannotations:\n  artifacthub.io/category: networking\n';
    const made = withArtifactHub(chart, 'kind: X\n');
    expect(made.startsWith(chart)).toBe(true);
    expect(parse(made).annotations['artifacthub.io/crdsExamples']).toBe('- kind: X\n');
  });
});
