import type { Reason } from '../api/conditions.ts';
import { type GroupRef, groupName } from './group-ref.ts';

/**
 * What an error means to whoever called:
 * - busy: the group or load balancer is still taking in the change before; soon again
 * - throttled: over the account's rate; later again
 * - transient: the API or the way to it failed; again with back-off
 * - credentials: keys expired or refused; refreshed once already, then somebody has to look
 * - groupMissing: the group, or its load balancer, does not exist (any more)
 * - badBackend: one of the backends named is not known (yet), or not any more; the others can be taken
 * - unfitBackend: one of them can't be attached to this load balancer, and won't be by itself; the others can
 * - quota: no room for more backends
 * - denied: the account may not do this
 * - configuration: region, endpoint, load balancer state …: somebody has to change something
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

/** unknown: the call may have been carried out, so Describe before planning on. */
export type CallOutcome = 'refused' | 'unknown';

/** What to do about an error: one sentence or two. */
export interface Hint {
  readonly text: string;
  /** It says that the operator tries again: whoever shows it need not add that. */
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
  /** Of the condition that tells of it. */
  readonly reason: Reason;
  readonly group?: GroupRef | undefined;
  readonly httpStatus?: number | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * What a call of the cloud fails with. It holds plain values and nothing of the request, so it can be logged whole.
 * `message` says what happened, to which group, and what to do.
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
   * Whether the same call may succeed later without anybody changing anything. The API also answers
   * `ServiceUnavailable` with status 400 to permanent faults, so callers cap their attempts.
   */
  get retryable(): boolean {
    return this.kind === 'busy' || this.kind === 'throttled' || this.kind === 'transient';
  }
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
