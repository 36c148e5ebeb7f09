import type { ApiError } from '../../cloud/api-error.ts';
import type { GroupRef } from '../../cloud/group-ref.ts';
import { isObject } from '../../json.ts';
import { asText } from '../api/parse.ts';
import { createApiError } from './errors.ts';

/** Codes that mean that the request was never sent. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ConnectTimeout',
  'ERR_PROXY_TUNNEL',
]);

const CERTIFICATE = /^(CERT_|ERR_TLS_CERT|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/;

/** An error that does not come from the API: of the network or TLS, or a body that is not JSON. */
export function networkError(
  failure: unknown,
  action: string,
  group: GroupRef | undefined,
  httpStatus: number | undefined,
  secrets: readonly (string | undefined)[],
): ApiError {
  const code = codeOf(failure);
  if (code === undefined) {
    const reason = 'the reply is not JSON: the API, or something between, failed';
    return createApiError(
      {
        action,
        group,
        httpStatus,
        code: 'InvalidReply',
        text: reason,
        kind: 'transient',
        outcome: 'unknown',
      },
      secrets,
    );
  }
  if (CERTIFICATE.test(code)) {
    const reason = `the endpoint's certificate was refused (${code})`;
    return createApiError(
      { action, group, code: 'Certificate', text: reason, kind: 'configuration', outcome: 'refused' },
      secrets,
    );
  }
  const unsent = NEVER_SENT.has(code) || (isObject(failure) && failure['syscall'] === 'connect');
  const outcome = unsent ? 'refused' : 'unknown';
  const reason = unsent
    ? 'the API could not be reached'
    : 'the connection broke before the reply was complete';
  return createApiError(
    { action, group, httpStatus, code, text: reason, kind: 'transient', outcome },
    secrets,
  );
}

/** Errors of pop-core's parser are not `Error` objects and have no code. */
function codeOf(failure: unknown): string | undefined {
  if (!isObject(failure)) return undefined;
  const hungUp = asText(failure['message'])?.includes('socket hang up') === true;
  return asText(failure['code']) ?? (hungUp ? 'ECONNRESET' : undefined);
}
