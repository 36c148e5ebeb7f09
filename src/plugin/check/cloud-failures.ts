import type { ApiError } from '../../cloud/api-error.ts';
import { type Finding, unknown } from './finding.ts';
import type { KubeFailure } from './seen.ts';
import type { CloudSeen } from './seen-in-cloud.ts';

export const SEE_CREDENTIALS = 'See the line about credentials.';

/** The call failed for a reason that says nothing about the check. */
export function notShown(check: string, error: ApiError): Finding {
  if (error.kind === 'credentials') return withoutCredentials(check);
  return unknown(check, told(error), error.retryable ? 'Check again later.' : error.hint.text);
}

export function withoutCredentials(check: string): Finding {
  return unknown(check, 'not checked: the credentials failed', SEE_CREDENTIALS);
}

export function notListed(check: string, what: string, failure: KubeFailure): Finding {
  return unknown(check, `${what} cannot be listed: ${failure.message}`, listAdvice(what, failure));
}

export function listAdvice(what: string, { is }: KubeFailure): string {
  return is === 'forbidden' ? `It takes the right to list ${what}.` : 'Check again later.';
}

export function told({ code, text, requestId }: ApiError): string {
  const request = requestId === undefined ? '' : ` (request ${requestId})`;
  return `${code}: ${text.replace(/[.\s]+$/, '')}${request}`;
}

export function failureOf(seen: CloudSeen<unknown>): ApiError | undefined {
  return 'failure' in seen ? seen.failure : undefined;
}
