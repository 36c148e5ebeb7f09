import { hash } from 'node:crypto';
import { asObject } from '../../json.ts';

/** The JSON of each field of a status. Equal for equal statuses: keys are sorted, and undefined values are left out. */
export type StatusFields = Readonly<Record<string, string>>;

/** Like `StatusFields`, with digests in place of long values: small however many rows there are, and enough to compare. */
export type StatusPrint = Readonly<Record<string, string>>;

/** Returns no fields if there is no status. */
export function fieldsOf(status: unknown): StatusFields {
  const fields: Record<string, string> = {};
  for (const [field, value] of Object.entries(asObject(status))) {
    if (value !== undefined) fields[field] = sortedJson(value);
  }
  return fields;
}

const LONGEST_PRINTED = 64;

export function printOf(fields: StatusFields): StatusPrint {
  const print: Record<string, string> = {};
  for (const field in fields) {
    const json = fields[field] as string;
    print[field] = json.length <= LONGEST_PRINTED ? json : hash('sha1', json, 'base64');
  }
  return print;
}

export function isSamePrint(a: StatusPrint, b: StatusPrint): boolean {
  return holds(a, b) && Object.keys(a).length === Object.keys(b).length;
}

/** Whether `print` has each field of `part` with the same value. */
export function holds(print: StatusPrint, part: StatusPrint): boolean {
  for (const field in part) if (print[field] !== part[field]) return false;
  return true;
}

export function toJson(fields: StatusFields): string {
  return `{${Object.entries(fields)
    .map(([field, json]) => `${JSON.stringify(field)}:${json}`)
    .join()}}`;
}

/** Copies what must be sorted and uses JSON.stringify, which is several times faster than a serializer of our own. */
function sortedJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isSorted(value)) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) copy[key] = sorted((value as Record<string, unknown>)[key]);
  return copy;
}

/** Always true for objects from the API server. */
function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isSorted);
  let before = '';
  for (const key in value) {
    if (key < before || !isSorted((value as Record<string, unknown>)[key])) return false;
    before = key;
  }
  return true;
}
