import { ApiError, type ApiErrorFields } from '../../cloud/api-error.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import { redact } from '../../redact.ts';
import { adviceOn, callOutcomeOf, type ErrorReply, kindOf } from './error-codes.ts';

type Secrets = readonly (string | undefined)[];

/** An error with what the table of codes says of it, and without secrets. */
export function createApiError(
  fields: Omit<ApiErrorFields, 'hint' | 'reason'>,
  secrets: Secrets = [],
): ApiError {
  const code = redact(fields.code, secrets);
  const text = shortened(redact(fields.text, secrets));
  const requestId = fields.requestId && redact(fields.requestId, secrets);
  return new ApiError({ ...fields, code, text, requestId, ...adviceOn({ ...fields, code }) });
}

/** An error page of something between may be long. */
const MAX_TEXT = 600;

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** An error that the API itself answered with. */
export function refused(
  action: string,
  group: GroupRef | undefined,
  reply: ErrorReply,
  secrets: Secrets = [],
): ApiError {
  const kind = kindOf(reply);
  return createApiError({ action, group, ...reply, kind, outcome: callOutcomeOf(reply, kind) }, secrets);
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
  return createApiError({
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
  return createApiError({ action, group, code, text, kind: 'configuration', outcome: 'refused' });
}

/** The same error, told of the call that it kept from being made. */
export function inPlaceOf(error: ApiError, action: string, group: GroupRef | undefined): ApiError {
  return new ApiError({ ...error, action, group: group ?? error.group });
}
