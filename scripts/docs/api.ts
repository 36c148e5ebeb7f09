import { customResourceDefinition } from '../../src/api/crd.ts';
import { DRAIN_LABEL, HOLD_ANNOTATION, WEIGHT_ANNOTATION, ZERO_DOWNTIME_LABEL } from '../../src/api/names.ts';
import { row, table } from './table.ts';

export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[];
}

/** The reference of the resource, generated from the CRD. */
export function apiPage(): string {
  const { spec } = customResourceDefinition();
  const { names, group } = spec;
  const [version] = spec.versions;
  const schema = version?.schema.openAPIV3Schema as Schema;
  const { spec: specSchema, status } = schema.properties ?? {};
  const columns = (wide: boolean) =>
    (version?.additionalPrinterColumns ?? [])
      .filter((column) => 'priority' in column === wide)
      .map(({ name }) => name)
      .join(', ');
  return `# API

\`${names.kind}\` of \`${group}/${version?.name}\`, namespaced; short name \`${names.shortNames[0]}\`, category \`${names.categories[0]}\`.

${schema.description}

## spec

${fields(specSchema)}
${rules(specSchema)}
## status

${statusFields(status)}

\`kubectl get ${names.shortNames[0]}\` shows ${columns(false)}; with \`-o wide\` also ${columns(true)}.

## Labels and annotations

${table(
  ['on', 'name', 'meaning'],
  [
    row(
      'Pod',
      `annotation \`${WEIGHT_ANNOTATION}\``,
      'Weight of its backends, 0 to 100, instead of `spec.weight`.',
    ),
    row(
      'Pod',
      `annotation \`${HOLD_ANNOTATION}\``,
      'Seconds that its containers sleep before they end, written by `kubectl vsgb inject` and the webhook.',
    ),
    row(
      'Pod',
      `label \`${ZERO_DOWNTIME_LABEL}\``,
      '`disabled`: the pod gets neither readiness gate nor hold.',
    ),
    row(
      'Node',
      `label \`${DRAIN_LABEL}\``,
      'With any value: backends on the node have weight 0. `kubectl vsgb drain` sets it.',
    ),
    row(
      'Node',
      'label `node.kubernetes.io/exclude-from-external-load-balancers`',
      'With `backendType: ecs`: the node is no backend.',
    ),
  ],
)}
`;
}

/** Users write the spec, so its table shows required fields and defaults; they only read the status. */
function fields(schema: Schema | undefined): string {
  const rows = fieldsOf(schema, '')
    .filter(isShown)
    .map(([path, field, needed]) => {
      const fallback = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
      return row(
        `\`${path}\``,
        KUBERNETES_TYPES[path] ?? typeOf(field),
        needed ? 'needed' : fallback,
        meaning(field),
      );
    });
  return table(['field', 'type', 'default', 'meaning'], rows);
}

function statusFields(schema: Schema | undefined): string {
  const rows = fieldsOf(schema, '')
    .filter(isShown)
    .map(([path, field]) =>
      row(`\`${path}\``, KUBERNETES_TYPES[path] ?? statusTypeOf(field), meaning(field)),
    );
  return table(['field', 'type', 'meaning'], rows);
}

/** Fields of Kubernetes types, whose own fields the Kubernetes API reference describes. */
const KUBERNETES_TYPES: Readonly<Record<string, string>> = {
  nodeSelector:
    '[LabelSelector](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/)',
  conditions:
    'list of [Condition](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/condition/)',
};

const isShown = ([path]: Field) =>
  !Object.keys(KUBERNETES_TYPES).some((name) => path.startsWith(`${name}.`) || path.startsWith(`${name}[]`));

type Field = readonly [path: string, field: Schema, needed: boolean];

/** All fields of the schema, depth first; `[]` after a list stands for each of its objects. */
export function fieldsOf(schema: Schema | undefined, prefix: string): readonly Field[] {
  const required = new Set(schema?.required ?? []);
  return Object.entries(schema?.properties ?? {}).flatMap(([name, field]): readonly Field[] => {
    const path = `${prefix}${name}`;
    const isList = field.items?.properties !== undefined;
    return [
      [path, field, required.has(name)],
      ...fieldsOf(isList ? field.items : field, isList ? `${path}[].` : `${path}.`),
    ];
  });
}

function meaning({ description = '', 'x-kubernetes-validations': rules = [] }: Schema): string {
  const shapes = rules.map(({ message }) => message).filter((message) => message.startsWith('must '));
  return [description, ...shapes.map((message) => `It ${message}.`)].join(' ');
}

/** Omits the range, because only the operator writes the status. */
function statusTypeOf(field: Schema): string {
  return field.type === 'integer' ? field.type : typeOf(field);
}

function typeOf(field: Schema): string {
  if (field['x-kubernetes-int-or-string']) return 'integer or string';
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(', ');
  if (field.items !== undefined)
    return field.items.properties === undefined ? `list of ${typeOf(field.items)}` : 'list';
  const { minimum, maximum } = field;
  if (field.type === 'integer' && minimum !== undefined && maximum !== undefined)
    return `${minimum} to ${maximum}`;
  if (typeof field.additionalProperties === 'object') return `map of ${typeOf(field.additionalProperties)}`;
  return field.type ?? '';
}

function rules(schema: Schema | undefined): string {
  const list = (schema?.['x-kubernetes-validations'] ?? []).map(({ message }) => `- ${message}`);
  return list.length === 0
    ? ''
    : `\nThe API server also refuses what breaks one of these rules:\n\n${list.join('\n')}\n`;
}
