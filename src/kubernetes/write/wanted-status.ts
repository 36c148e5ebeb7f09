import { fieldsOf, printOf, type StatusFields, type StatusPrint, toJson } from './status-fields.ts';

export interface WriteOptions {
  /** Goes without spacing. */
  readonly urgent?: boolean;
  /** May wait for a while, so that it shares a write with what comes meanwhile. */
  readonly patient?: boolean;
  /**
   * The fields given are all that is written; the others stay. For an object that the API server may hold to be invalid
   * as a whole: what it refuses is not retried.
   */
  readonly part?: boolean;
}

/** A status that waits to be written. */
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

/** The newest wins; but what waits as a whole is not lost to a part of it, and nothing waits for longer than the oldest may. */
export function merged(older: WantedStatus | undefined, newer: WantedStatus): WantedStatus {
  if (older === undefined) return newer;
  const urgent = older.urgent || newer.urgent;
  const notBefore = Math.min(older.notBefore, newer.notBefore);
  if (!newer.part) return { ...newer, urgent, notBefore };
  const fields = { ...older.fields, ...newer.fields };
  return { ...newer, fields, print: { ...older.print, ...newer.print }, urgent, notBefore, part: older.part };
}

/** A JSON Patch; of a part each field, if there is a status that they can be set in. */
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
