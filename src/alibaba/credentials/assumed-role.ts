import { OPERATOR } from '../../api/names.ts';
import { resending } from '../rpc/retry.ts';
import type { Rpc } from '../rpc/rpc.ts';
import { openSession, SESSION_SECONDS } from './credential-providers.ts';
import {
  type CredentialsOptions,
  type CredentialsProvider,
  type CredentialsSource,
  createCredentialsSource,
} from './credentials.ts';

export interface AssumedRole {
  readonly roleArn: string;
  /** What the role's trust policy asks for besides who assumes it. */
  readonly externalId: string | undefined;
}

/**
 * Sessions of a RAM role that other credentials assume (STS AssumeRole, 2015-04-01; a signed call). Each set is kept good by itself:
 * of those that assume nobody else is told, since what is wrong with them is told when they are needed. Others than before assume the
 * role anew, so that what was refused for the old ones need not wait.
 *
 * @param sts Calls to STS that are signed with these.
 */
export function createAssumedRoleSource(
  { roleArn, externalId }: AssumedRole,
  provider: CredentialsProvider,
  sts: (credentials: CredentialsSource) => Rpc,
  options: CredentialsOptions,
): CredentialsSource {
  const { onRefresh: _, ...quiet } = options;
  const assuming = createCredentialsSource(provider, {
    ...quiet,
    onRefresh: ({ changed, reason }) => {
      if (changed && reason !== 'needed')
        void assumed.refresh('other credentials to assume it with').catch(() => {});
    },
  });
  const description = `the RAM role ${roleArn}, assumed with ${provider.description}`;
  const call = resending(sts({ ...assuming, secrets: () => [...assuming.secrets(), externalId] }), assuming);
  const assumed = createCredentialsSource(
    {
      description,
      load: () =>
        openSession(call, description, 'AssumeRole', {
          RoleArn: roleArn,
          RoleSessionName: OPERATOR,
          DurationSeconds: SESSION_SECONDS,
          ExternalId: externalId,
        }),
      close: () => assuming.close(),
    },
    options,
  );
  return assumed;
}
