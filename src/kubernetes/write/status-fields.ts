import { hash } from 'node:crypto';
import { asObject } from '../../json.ts';

/** A status as JSON, field by field. Equal for equal statuses: keys are sorted, and what is undefined is left out. */
export type StatusFields = Readonly<Record<string, string>>;

/** The same, long fields by their digest: enough to tell whether two are equal, and small however many rows there are. */
export type StatusPrint = Readonly<Record<string, string>>;

/** No field when there is no status. */
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

/** Whether each field of the part is there with this very value. */
export function holds(print: StatusPrint, part: StatusPrint): boolean {
  for (const field in part) if (print[field] !== part[field]) return false;
  return true;
}

export function toJson(fields: StatusFields): string {
  return `{${Object.entries(fields)
    .map(([field, json]) => `${JSON.stringify(field)}:${json}`)
    .join()}}`;
}

/** By way of a copy, where anything has to be sorted: JSON.stringify is several times as fast as anything that is written here. */
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

/** What the API server sends always is. */
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
