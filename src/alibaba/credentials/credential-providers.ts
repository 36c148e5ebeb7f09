import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ecsRamRole from '@alicloud/credentials/dist/src/providers/ecs_ram_role.js';
import { OPERATOR } from '../../api/names.ts';
import { ApiError } from '../../cloud/api-error.ts';
import { isObject } from '../../json.ts';
import { publishedFolder } from '../../mounted-secret.ts';
import { asText, type Reply } from '../api/parse.ts';
import { createApiError } from '../errors/errors.ts';
import type { Params, Rpc } from '../rpc/rpc.ts';
import type { Credentials, CredentialsProvider } from './credentials.ts';

export const STS_API_VERSION = '2015-04-01';

export interface ProviderChoice {
  readonly env: NodeJS.ProcessEnv;
  /** A folder with `access-key-id`, `access-key-secret` and, for a session, `security-token`: a mounted Secret. */
  readonly credentialsDir?: string | undefined;
  /** Unsigned calls to STS. */
  readonly sts: () => Rpc;
}

interface CredentialSource {
  readonly help: string;
  /** Undefined when it is not set up. */
  readonly provider: (choice: ProviderChoice) => CredentialsProvider | undefined;
}

/** In this order: files go first, because somebody asked for them by a flag. */
const SOURCES: readonly CredentialSource[] = [
  {
    help: 'the files in --credentials-dir',
    provider: ({ credentialsDir }) => (credentialsDir ? filesProvider(credentialsDir) : undefined),
  },
  {
    help: `RRSA: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE,
set by ack-pod-identity-webhook, the chart or deploy/components/rrsa-token`,
    provider({ env, sts }) {
      const roleArn = env['ALIBABA_CLOUD_ROLE_ARN'];
      const providerArn = env['ALIBABA_CLOUD_OIDC_PROVIDER_ARN'];
      const tokenFile = env['ALIBABA_CLOUD_OIDC_TOKEN_FILE'];
      if (!roleArn || !providerArn || !tokenFile) return undefined;
      const sessionName = env['ALIBABA_CLOUD_ROLE_SESSION_NAME'] || OPERATOR;
      return oidcProvider({ roleArn, providerArn, tokenFile, sessionName }, sts);
    },
  },
  {
    help: `ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a session,
ALIBABA_CLOUD_SECURITY_TOKEN`,
    provider: ({ env }) =>
      env['ALIBABA_CLOUD_ACCESS_KEY_ID'] && env['ALIBABA_CLOUD_ACCESS_KEY_SECRET']
        ? environmentProvider(env)
        : undefined,
  },
];

/** For --help. */
export const CREDENTIALS_HELP = [...SOURCES.map(({ help }) => help), 'the RAM role of the instance'];

/** The first that is set up, chosen once and in the open: `description` says which. */
export function chooseProvider(choice: ProviderChoice): CredentialsProvider {
  for (const { provider } of SOURCES) {
    const chosen = provider(choice);
    if (chosen !== undefined) return chosen;
  }
  return instanceRoleProvider(choice.env['ALIBABA_CLOUD_ECS_METADATA']);
}

function environmentProvider(env: NodeJS.ProcessEnv): CredentialsProvider {
  const token = env['ALIBABA_CLOUD_SECURITY_TOKEN'];
  return {
    description: token ? 'a session token from the environment' : 'an access key from the environment',
    load: async () =>
      credentials(
        env['ALIBABA_CLOUD_ACCESS_KEY_ID'],
        env['ALIBABA_CLOUD_ACCESS_KEY_SECRET'],
        token || undefined,
      ),
  };
}

/** Rotated Secrets reach the files within a minute or so; this adds little to it. */
const FILES_RELOAD_MS = 10_000;
/** Reading them costs next to nothing: a key that is refused just after they were read may have been rotated since. */
const FILES_REFRESH_INTERVAL_MS = 200;

export function filesProvider(dir: string): CredentialsProvider {
  return {
    description: `the files in ${dir}`,
    reloadAfterMs: FILES_RELOAD_MS,
    refreshIntervalMs: FILES_REFRESH_INTERVAL_MS,
    async load() {
      const folder = await publishedFolder(dir);
      const read = async (name: string) => (await readFile(join(folder, name), 'utf8')).trim();
      const [id, secret, token] = await Promise.all([
        read('access-key-id'),
        read('access-key-secret'),
        read('security-token').catch(() => ''),
      ]);
      return credentials(id, secret, token || undefined);
    },
  };
}

interface OidcRole {
  readonly roleArn: string;
  readonly providerArn: string;
  readonly tokenFile: string;
  readonly sessionName: string;
}

/** Within what every role allows (its maximum is at least an hour). */
export const SESSION_SECONDS = 3600;

/**
 * AssumeRoleWithOIDC over our own client, not the vendor's provider: that one speaks https only, knows no proxy, puts
 * STS replies into its errors, and hands out expired sessions once a renewal has failed.
 */
function oidcProvider(role: OidcRole, sts: () => Rpc): CredentialsProvider {
  const description = `the RAM role ${role.roleArn} (RRSA)`;
  return {
    description,
    async load() {
      const token = await readFile(role.tokenFile, 'utf8');
      return await openSession(sts(), description, 'AssumeRoleWithOIDC', {
        OIDCProviderArn: role.providerArn,
        OIDCToken: token.trim(),
        RoleArn: role.roleArn,
        RoleSessionName: role.sessionName,
        DurationSeconds: SESSION_SECONDS,
      });
    },
  };
}

/** Asks STS for a session of what `description` says. */
export async function openSession(
  sts: Rpc,
  description: string,
  action: 'AssumeRole' | 'AssumeRoleWithOIDC',
  params: Params,
): Promise<Credentials> {
  try {
    return sessionFrom(await sts(action, params));
  } catch (error) {
    throw error instanceof ApiError && !error.retryable ? notOurs(error, description) : error;
  }
}

/** Whatever STS holds against it, to the callers the credentials are what is wrong. */
function notOurs(error: ApiError, description: string): ApiError {
  const { action, code, httpStatus, requestId } = error;
  const reason = `no credentials from ${description}: ${error.message}`;
  return createApiError({
    action,
    code,
    httpStatus,
    requestId,
    text: reason,
    kind: 'credentials',
    outcome: 'refused',
  });
}

function sessionFrom(reply: Reply): Credentials {
  const session = reply['Credentials'];
  if (!isObject(session)) throw new Error('the reply of STS holds no credentials');
  const found = credentials(
    asText(session['AccessKeyId']),
    asText(session['AccessKeySecret']),
    asText(session['SecurityToken']),
  );
  return { ...found, expiresAt: expiry(asText(session['Expiration'])) };
}

/**
 * The role name is asked from the metadata service unless given. A fresh provider each time, so that nothing sticks.
 * The vendor's errors quote replies, which may be credentials: what is told is made from the status alone.
 */
export function instanceRoleProvider(roleName: string | undefined): CredentialsProvider {
  return {
    description: roleName ? `the ECS instance's RAM role ${roleName}` : "the ECS instance's RAM role",
    async load() {
      if (process.env['ALIBABA_CLOUD_ECS_METADATA_DISABLED']?.toLowerCase() === 'true')
        throw new Error(`ALIBABA_CLOUD_ECS_METADATA_DISABLED is set: ${OTHER_WAYS}`);
      const builder = ecsRamRole.default.builder();
      if (roleName) builder.withRoleName(roleName);
      const provider = builder.build() as unknown as InstanceRole;
      const { doRequest } = provider;
      let status: number | undefined;
      provider.doRequest = async (request) => {
        status = undefined;
        // A kept connection would be hours old at the next renewal, and dead: the vendor then goes on without a token.
        request.headers['connection'] = 'close';
        const reply = await doRequest(request);
        status = reply.statusCode;
        return reply;
      };
      try {
        const found = await provider.getCredentials();
        return {
          ...credentials(found.accessKeyId, found.accessKeySecret, found.securityToken),
          expiresAt: expiry(provider.session?.expiration),
        };
      } catch {
        throw new Error(metadataFailure(status));
      }
    },
  };
}

/** What is used of the vendor's provider; `doRequest` is what it sends with, told in its source as meant for mocks. */
interface InstanceRole {
  doRequest(request: VendorRequest): Promise<{ readonly statusCode?: number }>;
  getCredentials(): Promise<Partial<Credentials>>;
  readonly session?: { readonly expiration?: string };
}

interface VendorRequest {
  readonly headers: Record<string, string>;
}

const OTHER_WAYS = 'use RRSA, or give an access key (--credentials-dir)';

/** What became of the last request: no answer, or its status. */
function metadataFailure(status: number | undefined): string {
  const service = 'the metadata service (100.100.100.200)';
  if (status === undefined)
    return `${service} gives no answer: where there is no ECS instance with a RAM role, ${OTHER_WAYS}`;
  if (status === 404)
    return `${service} knows no such role (HTTP 404): attach a RAM role to the instance and check ALIBABA_CLOUD_ECS_METADATA, or ${OTHER_WAYS}`;
  if (status !== 200) return `${service} refuses (HTTP ${status})`;
  return `what ${service} answers is no session`;
}

/** Without a date that can be read, what every session lasts. */
function expiry(date: string | undefined): number {
  const parsed = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(parsed) ? Date.now() + SESSION_SECONDS * 1000 : parsed;
}

function credentials(
  id: string | undefined,
  secret: string | undefined,
  token: string | undefined,
): Credentials {
  if (!id || !secret) throw new Error('the access key id or its secret is empty');
  return {
    accessKeyId: id,
    accessKeySecret: secret,
    ...(token === undefined ? {} : { securityToken: token }),
  };
}
