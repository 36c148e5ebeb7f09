import { readFileSync } from 'node:fs';
import { EVENT_REASONS, REASONS } from '../../src/api/conditions.ts';
import { customResourceDefinition } from '../../src/api/crd.ts';
import * as names from '../../src/api/names.ts';
import { describeFlags } from '../../src/config/help.ts';
import { nameOf } from '../../src/plugin/flags.ts';
import { commands } from '../../src/plugin/run.ts';
import { fieldsOf, type Schema } from './api.ts';
import { describedMetrics } from './metrics.ts';

/**
 * The names that docs/api-policy.md promises to keep, one per line: those in `recorded`, the text of the current file, and new
 * ones. Nothing is removed here: test/unit/api-policy.test.ts reports names that are gone.
 */
export async function promisedNames(recorded: string, chartSchema: string): Promise<string> {
  const before = recorded.split('\n').filter((line) => line !== '');
  return `${[...new Set([...before, ...(await namesNow(chartSchema))])].toSorted().join('\n')}\n`;
}

/** `chartSchema`: path of values.schema.json. */
export async function namesNow(chartSchema: string): Promise<readonly string[]> {
  return [
    ...Object.values(names).flatMap((name) => (typeof name === 'string' ? [`name ${name}`] : [])),
    ...fieldNames(),
    ...Object.keys(names.CONDITION_TYPES).map((type) => `condition ${type}`),
    ...Object.keys(REASONS).map((reason) => `reason ${reason}`),
    ...Object.keys(EVENT_REASONS).map((reason) => `event ${reason}`),
    ...describeFlags().flatMap(({ flags }) =>
      flags.flatMap(({ flag, environment }) => [`flag ${flag}`, `flag ${environment}`]),
    ),
    ...(await metricNames()),
    ...commands.flatMap(({ name, flags, exitCodes }) => [
      `plugin ${name}`,
      ...flags.map((key) => `plugin ${name} ${nameOf(key)}`),
      ...Object.keys(exitCodes).map((code) => `plugin ${name} exit code ${code}`),
    ]),
    ...chartNames(JSON.parse(readFileSync(chartSchema, 'utf8')), ''),
  ];
}

function fieldNames(): readonly string[] {
  return customResourceDefinition().spec.versions.flatMap(({ name: version, schema }) => {
    const { spec, status } = (schema.openAPIV3Schema as Schema).properties ?? {};
    const fields = [...fieldsOf(spec, 'spec.'), ...fieldsOf(status, 'status.')];
    return fields.flatMap(([path, field, needed]) => [
      `field ${version} ${path} ${typeOf(field)}`,
      ...(needed ? [] : [`field ${version} ${path} optional`]),
      ...(field.default === undefined
        ? []
        : [`field ${version} ${path} default ${JSON.stringify(field.default)}`]),
      ...(field.enum ?? []).map((value) => `value ${version} ${path} ${value}`),
    ]);
  });
}

function typeOf(field: Schema): string {
  return field['x-kubernetes-int-or-string'] ? 'integer-or-string' : (field.type ?? 'any');
}

async function metricNames(): Promise<readonly string[]> {
  return (await describedMetrics()).flatMap(({ name, type, labels }) => [
    `metric ${name} ${type}`,
    ...labels.map((label) => `metric ${name} by ${label}`),
  ]);
}

function chartNames({ properties }: Schema, prefix: string): string[] {
  return Object.entries(properties ?? {}).flatMap(([key, value]) =>
    value.properties === undefined ? [`chart ${prefix}${key}`] : chartNames(value, `${prefix}${key}.`),
  );
}
