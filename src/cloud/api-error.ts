import type { Reason } from '../api/conditions.ts';
import { type GroupRef, groupName } from './group-ref.ts';

/**
 * What an error means to the caller:
 * - busy: the group or load balancer is still applying the previous change; retry soon
 * - throttled: over the account's rate; retry later
 * - transient: the API or the network failed; retry with back-off
 * - credentials: the keys expired or were refused, even after one refresh; a person must check them
 * - groupMissing: the group, or its load balancer, does not exist (any more)
 * - badBackend: one of the backends in the call is unknown (yet, or no longer); the others can be used
 * - unfitBackend: one of the backends does not fit this load balancer, and retrying will not help; the others can be used
 * - quota: no room for more backends
 * - denied: the account may not do this
 * - configuration: region, endpoint, load balancer state …: a person must change something
 * - bug: the request was malformed
 */
export type ErrorKind =
  | 'busy'
  | 'throttled'
  | 'transient'
  | 'credentials'
  | 'groupMissing'
  | 'badBackend'
  | 'unfitBackend'
  | 'quota'
  | 'denied'
  | 'configuration'
  | 'bug';

/** unknown: the call may have taken effect, so describe the group before planning again. */
export type CallOutcome = 'refused' | 'unknown';

/** What to do about an error, in one or two sentences. */
export interface Hint {
  readonly text: string;
  /** The text already says that the operator retries; do not add it again. */
  readonly tellsRetry: boolean;
}

export interface ApiErrorFields {
  readonly code: string;
  /** What happened, in the API's words or ours, without secrets. */
  readonly text: string;
  readonly action: string;
  readonly kind: ErrorKind;
  readonly outcome: CallOutcome;
  readonly hint: Hint;
  /** Reason of the condition that reports the error. */
  readonly reason: Reason;
  readonly group?: GroupRef | undefined;
  readonly httpStatus?: number | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * The error of a cloud call. It holds plain values and nothing of the request, so it can be logged as a whole. `message`
 * says what happened, to which group, and what to do.
 */
export class ApiError extends Error implements ApiErrorFields {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly text: string;
  readonly action: string;
  readonly kind: ErrorKind;
  readonly outcome: CallOutcome;
  readonly hint: Hint;
  readonly reason: Reason;
  readonly group?: GroupRef;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;

  constructor(fields: ApiErrorFields) {
    super(`${describe(fields)} ${fields.hint.text}`);
    this.code = fields.code;
    this.text = fields.text;
    this.action = fields.action;
    this.kind = fields.kind;
    this.outcome = fields.outcome;
    this.hint = fields.hint;
    this.reason = fields.reason;
    if (fields.group !== undefined) this.group = fields.group;
    if (fields.httpStatus !== undefined) this.httpStatus = fields.httpStatus;
    if (fields.requestId !== undefined) this.requestId = fields.requestId;
    if (fields.retryAfterMs !== undefined) this.retryAfterMs = fields.retryAfterMs;
  }

  /**
   * Whether the same call may succeed later without anyone changing anything. The API also answers `ServiceUnavailable`
   * with status 400 for permanent faults, so callers limit their attempts.
   */
  get retryable(): boolean {
    return this.kind === 'busy' || this.kind === 'throttled' || this.kind === 'transient';
  }
}

/** The same for two messages that differ only in the ids of their requests: one problem, met twice. */
export function withoutRequestIds(message: string): string {
  return message.replace(/\brequest [^\s,)]+/g, 'request');
}

function describe({ action, group, code, text, httpStatus, requestId }: ApiErrorFields): string {
  const target = group === undefined ? '' : ` on ${groupName(group)}`;
  const details = [
    httpStatus === undefined ? undefined : `HTTP ${httpStatus}`,
    requestId === undefined ? undefined : `request ${requestId}`,
  ].filter((detail) => detail !== undefined);
  const suffix = details.length === 0 ? '' : ` (${details.join(', ')})`;
  return `${action}${target} failed with ${code}: ${text.replace(/[.\s]+$/, '')}${suffix}.`;
}
