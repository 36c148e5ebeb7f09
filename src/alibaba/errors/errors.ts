import { ApiError, type ApiErrorFields } from '../../cloud/api-error.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import { redact } from '../../redact.ts';
import { adviceOn, callOutcomeOf, type ErrorReply, kindOf } from './error-codes.ts';

type Secrets = readonly (string | undefined)[];

/** The credentials that a call was made with. */
interface Caller {
  readonly secrets?: Secrets;
  /** The role whose session they are. */
  readonly roleArn?: string | undefined;
}

/** Creates an error with the hint and reason from the table of codes, and without secrets. */
export function createApiError(
  fields: Omit<ApiErrorFields, 'hint' | 'reason'> & Pick<Caller, 'roleArn'>,
  secrets: Secrets = [],
): ApiError {
  const code = redact(fields.code, secrets);
  const text = shortened(redact(fields.text, secrets));
  const requestId = fields.requestId && redact(fields.requestId, secrets);
  return new ApiError({ ...fields, code, text, requestId, ...adviceOn({ ...fields, code }) });
}

/** Error pages of proxies and gateways may be long. */
const MAX_TEXT = 600;

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** An error reply of the API itself. */
export function refused(
  action: string,
  group: GroupRef | undefined,
  reply: ErrorReply,
  { secrets, roleArn }: Caller = {},
): ApiError {
  const kind = kindOf(reply);
  const outcome = callOutcomeOf(reply, kind);
  return createApiError({ action, group, ...reply, kind, outcome, roleArn }, secrets);
}

/** A reply that is unreadable or did not arrive: the call may have taken effect. */
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

/** A call that was never made, because its settings cannot be right. */
export function misconfigured(action: string, code: string, text: string, group?: GroupRef): ApiError {
  return createApiError({ action, group, code, text, kind: 'configuration', outcome: 'refused' });
}

/** The same error, attributed to the call that it prevented. */
export function inPlaceOf(error: ApiError, action: string, group: GroupRef | undefined): ApiError {
  return new ApiError({ ...error, action, group: group ?? error.group });
}
