import { randomBytes } from 'node:crypto';
import { REPORTING_CONTROLLER } from '../../api/names.ts';
import { microTime } from '../objects/micro-time.ts';

export interface EventInput {
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    /** Empty for what has no namespace. */
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly type: 'Normal' | 'Warning';
  /** Why, for machines: one word in UpperCamelCase. */
  readonly reason: string;
  /** What was done or tried: one word in UpperCamelCase. */
  readonly action: string;
  /** For people; cut to 1024 bytes. */
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

/** The API server takes events about what has no namespace in `default` only (and kube-system). */
function eventNamespace({ regarding }: EventInput): string {
  return regarding.namespace === '' ? 'default' : regarding.namespace;
}

function eventName(name: string): string {
  const unique = `.${randomBytes(8).toString('hex')}`;
  return name.slice(0, LONGEST_NAME - unique.length).replace(/[^a-z0-9]+$/, '') + unique;
}

/** Events of one key are repeats of one another. */
export function seriesKey({ regarding, type, reason, action, note }: EventInput): string {
  // A problem that persists is one problem whatever its request ids and counts; each thing done is a fact of its own.
  const what = type === 'Warning' ? note.replace(/\S*\d\S*/g, '#') : note;
  return JSON.stringify([regarding.uid, regarding.kind, regarding.name, type, reason, action, what]);
}

/** At most so many bytes of UTF-8, without half a character at the end. */
export function cutBytes(value: string, most: number): string {
  const bytes = Buffer.from(value);
  if (bytes.length <= most) return value;
  let end = most;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
