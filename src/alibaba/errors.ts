import type { GroupRef } from './slb-api.ts';

/**
 * What an error means to whoever called:
 * - busy: the group or load balancer is still taking in the change before; soon again
 * - throttled: over the account's rate; later again
 * - transient: the API or the way to it failed; again with back-off
 * - credentials: keys expired or refused; refreshed once, then an operator's matter
 * - groupMissing: the vServer group does not exist (any more)
 * - badBackend: one of the backends named cannot be taken; the others can
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
  | 'quota'
  | 'denied'
  | 'configuration'
  | 'bug';

/** unknown: the call may have been carried out, so Describe before planning on. */
export type Outcome = 'refused' | 'unknown';

export interface ApiErrorFields {
  readonly code: string;
  readonly message: string;
  readonly action: string;
  readonly kind: ErrorKind;
  readonly outcome: Outcome;
  readonly group?: GroupRef;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
}

/** The only error of src/alibaba. */
export class ApiError extends Error {
  readonly code: string;
  readonly action: string;
  readonly kind: ErrorKind;
  readonly outcome: Outcome;
  readonly group?: GroupRef;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;

  constructor(fields: ApiErrorFields) {
    super(fields.message);
    this.name = 'ApiError';
    this.code = fields.code;
    this.action = fields.action;
    this.kind = fields.kind;
    this.outcome = fields.outcome;
    if (fields.group !== undefined) this.group = fields.group;
    if (fields.httpStatus !== undefined) this.httpStatus = fields.httpStatus;
    if (fields.requestId !== undefined) this.requestId = fields.requestId;
    if (fields.retryAfterMs !== undefined) this.retryAfterMs = fields.retryAfterMs;
  }

  /** Whether the same request may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return this.kind === 'busy' || this.kind === 'throttled' || this.kind === 'transient';
  }

  /** One sentence: what to do about it. */
  get hint(): string {
    return '';
  }
}
