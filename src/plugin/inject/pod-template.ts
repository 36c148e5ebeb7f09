import { asArray, asObject, asString, type JsonObject } from '../../json.ts';
import { type Path, valueAt } from '../../zero-downtime/field-change.ts';

/** Where objects describe their pods, by API group and kind. A Pod is its own template. */
const TEMPLATE_OF: Readonly<Record<string, Path>> = {
  'apps/Deployment': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'argoproj.io/Rollout': ['spec', 'template'],
  '/ReplicationController': ['spec', 'template'],
  '/PodTemplate': ['template'],
  '/Pod': [],
};
const JOBS = new Set(['batch/Job', 'batch/CronJob']);
/** Most kinds that create pods have their template here. */
const USUAL: Path = ['spec', 'template'];

/** How an object describes its pods. */
export type TemplateSource =
  | { readonly has: 'templates'; readonly paths: readonly Path[] }
  /** The pods of a Job end on their own. */
  | { readonly has: 'job' }
  /** The kind has containers, but this object has none, e.g. a patch. */
  | { readonly has: 'no containers' }
  /** The kind is unknown and no path given by the user leads to a template, but the usual path does. */
  | { readonly has: 'unknown template'; readonly path: Path }
  | { readonly has: 'no pods' };

/** `others`: where objects of unknown kinds have their templates. */
export function templateSourceOf(object: JsonObject, others: readonly Path[]): TemplateSource {
  const apiVersion = asString(object['apiVersion']);
  const kind = `${apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')))}/${asString(object['kind'])}`;
  if (JOBS.has(kind)) return { has: 'job' };
  const known = TEMPLATE_OF[kind];
  if (known !== undefined) {
    if (isTemplate(object, known)) return { has: 'templates', paths: [known] };
    // The Deployment that workloadRef names has the containers.
    const refers = valueAt(object, ['spec', 'workloadRef']) !== undefined;
    return { has: refers ? 'no pods' : 'no containers' };
  }
  const told = others.filter((path) => isTemplate(object, path));
  if (told.length > 0) return { has: 'templates', paths: told };
  return isTemplate(object, USUAL) ? { has: 'unknown template', path: USUAL } : { has: 'no pods' };
}

function isTemplate(object: JsonObject, path: Path): boolean {
  return asArray(valueAt(object, [...path, 'spec', 'containers'])).length > 0;
}

/** The objects of a document: the items of a List, or the document itself. */
export function objectsOf(
  value: unknown,
  path: Path = [],
): readonly { readonly path: Path; readonly object: JsonObject }[] {
  const object = asObject(value);
  if (asString(object['kind']).endsWith('List') && Array.isArray(object['items']))
    return object['items'].flatMap((item, i) => objectsOf(item, [...path, 'items', i]));
  return [{ path, object }];
}

/** E.g. `Deployment shop/web`; parts that the object does not have are left out. */
export function titleOf(object: JsonObject): string {
  const { namespace, name, generateName } = asObject(object['metadata']);
  const called = [namespace, name ?? generateName].map(asString).filter((part) => part !== '');
  return [asString(object['kind']) || 'object', called.join('/')].filter((part) => part !== '').join(' ');
}
