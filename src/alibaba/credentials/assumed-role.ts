import { OPERATOR } from '../../api/names.ts';
import type { AssumedRole } from '../../cloud/group-ref.ts';
import { resending } from '../rpc/retry.ts';
import type { Rpc } from '../rpc/rpc.ts';
import { openSession, SESSION_SECONDS } from './credential-providers.ts';
import {
  type CredentialsOptions,
  type CredentialsProvider,
  type CredentialsSource,
  createCredentialsSource,
} from './credentials.ts';

/** Credentials and the sessions of the RAM roles that they assume. */
export interface AssumableCredentials {
  readonly base: CredentialsSource;
  /**
   * Sessions of a role (STS AssumeRole, 2015-04-01; a signed call), fetched on first use and renewed independently of other
   * roles. When the base credentials change, the role is assumed again at once, in case the old ones were refused. Neither
   * happens once its sessions are not needed: only its next use opens one.
   */
  assume(role: AssumedRole, options: AssumeOptions): CredentialsSource;
  close(): void;
}

export interface AssumeOptions extends Pick<CredentialsOptions, 'onRefresh'> {
  /** Default: they always are. */
  readonly isNeeded?: () => boolean;
}

/** @param sts Creates signed calls to STS. */
export function createAssumableCredentials(
  provider: CredentialsProvider,
  sts: (credentials: CredentialsSource) => Rpc,
  { clock, cloudTime, onRefresh: onBaseRefresh }: CredentialsOptions,
): AssumableCredentials {
  const sessions = new Map<CredentialsSource, () => boolean>();
  const base = createCredentialsSource(provider, {
    clock,
    cloudTime,
    onRefresh(refresh) {
      onBaseRefresh?.(refresh);
      if (!refresh.changed || refresh.reason === 'needed') return;
      for (const [one, isNeeded] of sessions)
        if (isNeeded()) void one.refresh('other credentials to assume it with').catch(() => {});
    },
  });
  return {
    base,
    assume({ roleArn, externalId }, { onRefresh, isNeeded = () => true }) {
      const description = `the RAM role ${roleArn}, assumed with ${provider.description}`;
      const call = resending(sts({ ...base, secrets: () => [...base.secrets(), externalId] }), base);
      const assumed = createCredentialsSource(
        {
          description,
          roleArn,
          load: () =>
            openSession(call, description, 'AssumeRole', {
              RoleArn: roleArn,
              RoleSessionName: OPERATOR,
              DurationSeconds: SESSION_SECONDS,
              ExternalId: externalId,
            }),
          isNeeded,
          close: () => sessions.delete(assumed),
        },
        { clock, cloudTime, ...(onRefresh && { onRefresh }) },
      );
      sessions.set(assumed, isNeeded);
      return assumed;
    },
    close() {
      for (const one of [...sessions.keys()]) one.close();
      base.close();
    },
  };
}
