import { randomBytes } from 'node:crypto';
import { REPORTING_CONTROLLER } from '../../api/names.ts';
import { microTime } from '../objects/micro-time.ts';

export interface EventInput {
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    /** Empty for cluster-scoped objects. */
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly type: 'Normal' | 'Warning';
  /** Machine-readable: one word in UpperCamelCase. */
  readonly reason: string;
  /** What was done or tried: one word in UpperCamelCase. */
  readonly action: string;
  /** Human-readable; truncated to 1024 bytes. */
  readonly note: string;
}

// https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/validation/events.go; its "characters" are bytes.
const LONGEST_NOTE = 1024;
const LONGEST_WORD = 128;
const LONGEST_NAME = 253;

export function eventBody(event: EventInput, reportingInstance: string, wall: number) {
  const { regarding } = event;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: eventNamespace(event), name: eventName(regarding.name) },
    eventTime: microTime(wall),
    type: event.type,
    reason: cutBytes(event.reason, LONGEST_WORD),
    action: cutBytes(event.action, LONGEST_WORD),
    note: cutBytes(event.note, LONGEST_NOTE),
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: cutBytes(reportingInstance, LONGEST_WORD),
    regarding,
  };
}

/** The API server accepts events about cluster-scoped objects in `default` only (and kube-system). */
function eventNamespace({ regarding }: EventInput): string {
  return regarding.namespace === '' ? 'default' : regarding.namespace;
}

function eventName(name: string): string {
  const unique = `.${randomBytes(8).toString('hex')}`;
  return name.slice(0, LONGEST_NAME - unique.length).replace(/[^a-z0-9]+$/, '') + unique;
}

/** Events with the same key are repeats of one another. */
export function seriesKey({ regarding, type, reason, action, note }: EventInput): string {
  // Warnings that differ only in request ids are the same problem; every Normal event is a fact of its own.
  const what = type === 'Warning' ? note.replace(/\brequest [^\s,)]+/g, 'request') : note;
  return JSON.stringify([regarding.uid, regarding.kind, regarding.name, type, reason, action, what]);
}

/** Truncates to at most `most` bytes of UTF-8, without splitting a character. */
export function cutBytes(value: string, most: number): string {
  const bytes = Buffer.from(value);
  if (bytes.length <= most) return value;
  let end = most;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
