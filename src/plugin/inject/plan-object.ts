import { isDeepStrictEqual } from 'node:util';
import { asObject, type JsonObject } from '../../json.ts';
import { type FieldChange, type Path, valueAt } from '../../zero-downtime/field-change.ts';
import { leftAlone, planTemplate, type Wanted } from '../../zero-downtime/pod-template-plan.ts';
import { templateSourceOf } from './pod-template.ts';

export interface InjectOptions extends Wanted {
  /** Where objects of unknown kinds have their pod templates: each path once. */
  readonly templatePaths: readonly Path[];
}

export interface ObjectPlan {
  readonly changes: readonly FieldChange[];
  /** What was added, what was not, and why. */
  readonly said: readonly string[];
  /** Whether the object still lacks a gate or hold that it should have got. */
  readonly refused: boolean;
  /** The `templatePaths` that led to its pod templates. */
  readonly paths: readonly Path[];
}

export function planObject(object: JsonObject, options: InjectOptions): ObjectPlan {
  const source = templateSourceOf(object, options.templatePaths);
  switch (source.has) {
    case 'no pods':
      return UNTOUCHED;
    case 'job':
      return leave('pods of a Job run to completion');
    case 'no containers':
      return { ...UNTOUCHED, said: ['nothing added: it has no containers'], refused: true };
    case 'unknown template':
      return leave(`if its pods serve requests, say --pod-template ${source.path.join('.')}`);
    case 'templates': {
      const plans = source.paths.map((path) => ({ path, ...planAt(object, path, options) }));
      return {
        changes: plans.flatMap(({ changes }) => changes),
        said: plans.flatMap(({ path, said }) =>
          plans.length === 1 ? said : said.map((sentence) => `${path.join('.')}: ${sentence}`),
        ),
        refused: plans.some(({ refused }) => refused),
        paths: plans.flatMap(({ paths }) => paths),
      };
    }
  }
}

function planAt(object: JsonObject, path: Path, options: InjectOptions): ObjectPlan {
  const template = asObject(valueAt(object, path));
  const paths = options.templatePaths.filter((each) => isDeepStrictEqual(each, path));
  const reason = leftAlone(template);
  if (reason !== undefined) return { ...leave(reason), paths };
  const { changes, done, refused } = planTemplate(template, options);
  return {
    changes: changes.map((change) => ({ ...change, path: [...path, ...change.path] })),
    said: [...(done.length > 0 ? [`added: ${done.join(', ')}`] : []), ...refused],
    refused: refused.length > 0,
    paths,
  };
}

const UNTOUCHED: ObjectPlan = { changes: [], said: [], refused: false, paths: [] };

const leave = (reason: string): ObjectPlan => ({ ...UNTOUCHED, said: [`left as it is: ${reason}`] });
