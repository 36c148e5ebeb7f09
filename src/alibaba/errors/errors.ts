import type { GroupRef } from '../api/slb-api.ts';
import { type ErrorKind, hintFor, kindOf, type Outcome, outcomeOf } from './error-codes.ts';
import { redact } from './redact.ts';

export type { ErrorKind, Outcome } from './error-codes.ts';

export interface ApiErrorFields {
  readonly code: string;
  /** What happened, in the API's words or ours; secrets are taken out. */
  readonly text: string;
  readonly action: string;
  readonly kind: ErrorKind;
  readonly outcome: Outcome;
  readonly group?: GroupRef | undefined;
  readonly httpStatus?: number | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * The only error of src/alibaba. It holds plain values and nothing of the request, so it can be logged whole.
 * `message` says what happened, to which group, and what to do; `hint` is its last part.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly action: string;
  readonly kind: ErrorKind;
  readonly outcome: Outcome;
  readonly #text: string;
  /** One sentence or two: what to do about it. */
  readonly hint: string;
  readonly group?: GroupRef;
  readonly httpStatus?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;

  constructor(fields: ApiErrorFields, secrets: readonly (string | undefined)[] = []) {
    const code = redact(fields.code, secrets);
    const text = redact(fields.text, secrets);
    const hint = hintFor(code, fields.kind, fields.outcome, fields.action);
    super(`${describe({ ...fields, code }, text)} ${hint}`);
    this.#text = text;
    this.code = code;
    this.action = fields.action;
    this.kind = fields.kind;
    this.outcome = fields.outcome;
    this.hint = hint;
    if (fields.group !== undefined) this.group = fields.group;
    if (fields.httpStatus !== undefined) this.httpStatus = fields.httpStatus;
    if (fields.requestId !== undefined) this.requestId = redact(fields.requestId, secrets);
    if (fields.retryAfterMs !== undefined) this.retryAfterMs = fields.retryAfterMs;
  }

  /**
   * Whether the same call may succeed later without anybody changing anything. The API also answers
   * `ServiceUnavailable` with status 400 to permanent faults, so callers cap their attempts.
   */
  get retryable(): boolean {
    return this.kind === 'busy' || this.kind === 'throttled' || this.kind === 'transient';
  }

  /** The same error, told of the call that it kept from being made. */
  during(action: string, group: GroupRef | undefined): ApiError {
    return new ApiError({ ...this, text: this.#text, action, group: group ?? this.group });
  }

  toJSON(): Record<string, unknown> {
    const { name, message, code, action, kind, outcome, group, httpStatus, requestId, retryAfterMs } = this;
    return { name, message, code, action, kind, outcome, group, httpStatus, requestId, retryAfterMs };
  }
}

function describe(fields: ApiErrorFields, text: string): string {
  const target =
    fields.group === undefined
      ? ''
      : ` on vServer group ${fields.group.vServerGroupId} (${fields.group.regionId})`;
  const details = [
    fields.httpStatus === undefined ? undefined : `HTTP ${fields.httpStatus}`,
    fields.requestId === undefined ? undefined : `request ${redact(fields.requestId)}`,
  ].filter((detail) => detail !== undefined);
  const suffix = details.length === 0 ? '' : ` (${details.join(', ')})`;
  return `${fields.action}${target} failed with ${fields.code}: ${text.replace(/[.\s]+$/, '')}${suffix}.`;
}

export interface ApiReply {
  readonly code: string;
  readonly text: string;
  readonly httpStatus: number;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** An error that the API itself answered with. */
export function refused(
  action: string,
  group: GroupRef | undefined,
  reply: ApiReply,
  secrets: readonly (string | undefined)[] = [],
): ApiError {
  const refusal = { ...reply, retryAfterMs: reply.retryAfterMs };
  const kind = kindOf(refusal);
  return new ApiError({ action, group, ...reply, kind, outcome: outcomeOf(refusal, kind) }, secrets);
}

/** A reply that cannot be read, or did not come: the call may have been carried out. */
export function unreadable(
  action: string,
  group: GroupRef | undefined,
  text: string,
  reply: {
    readonly code?: string;
    readonly httpStatus?: number | undefined;
    readonly requestId?: string;
  } = {},
): ApiError {
  return new ApiError({
    action,
    group,
    text,
    code: 'InvalidReply',
    kind: 'transient',
    outcome: 'unknown',
    ...reply,
  });
}

/** A call that was never made, because what it was told cannot be right. */
export function misconfigured(action: string, code: string, text: string, group?: GroupRef): ApiError {
  return new ApiError({ action, group, code, text, kind: 'configuration', outcome: 'refused' });
}
