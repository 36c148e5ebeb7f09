import { fieldsOf, printOf, type StatusFields, type StatusPrint, toJson } from './status-fields.ts';

export interface WriteOptions {
  /** Written without spacing. */
  readonly urgent?: boolean;
  /** May wait for a while, so that later changes share the write. */
  readonly patient?: boolean;
  /**
   * Only the given fields are written; the others stay. For an object that may be invalid as a whole to the API server: a refused
   * write is not retried.
   */
  readonly part?: boolean;
}

/** A status to be written. */
export interface WantedStatus {
  readonly fields: StatusFields;
  readonly print: StatusPrint;
  readonly urgent: boolean;
  /** `Clock.now()` milliseconds. */
  readonly notBefore: number;
  readonly part: boolean;
  readonly retried: boolean;
}

/** `patientUntil`: `Clock.now()` milliseconds. */
export function wantedOf(status: object, options: WriteOptions, patientUntil: number): WantedStatus {
  const { urgent = false, patient = false, part = false } = options;
  const fields = fieldsOf(status);
  const notBefore = patient ? patientUntil : Number.NEGATIVE_INFINITY;
  return { fields, print: printOf(fields), urgent, notBefore, part, retried: !part };
}

/**
 * The newer status wins. But a part is merged into a pending whole status instead of replacing it, and the result waits no
 * longer than either of the two may.
 */
export function merged(older: WantedStatus | undefined, newer: WantedStatus): WantedStatus {
  if (older === undefined) return newer;
  const urgent = older.urgent || newer.urgent;
  const notBefore = Math.min(older.notBefore, newer.notBefore);
  if (!newer.part) return { ...newer, urgent, notBefore };
  const fields = { ...older.fields, ...newer.fields };
  return { ...newer, fields, print: { ...older.print, ...newer.print }, urgent, notBefore, part: older.part };
}

/** Returns a JSON Patch. A part is set field by field, if the object has a status to set them in. */
export function patchOf(uid: string, { fields, part }: WantedStatus, hasStatus: boolean): string {
  const additions =
    part && hasStatus
      ? Object.entries(fields).map(([field, json]) => addition(`/status/${field}`, json))
      : [addition('/status', toJson(fields))];
  return `[${[JSON.stringify({ op: 'test', path: '/metadata/uid', value: uid }), ...additions].join()}]`;
}

function addition(path: string, json: string): string {
  return `{"op":"add","path":${JSON.stringify(path)},"value":${json}}`;
}
