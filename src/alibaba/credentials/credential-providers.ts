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
  /** A mounted Secret: a folder with `access-key-id`, `access-key-secret` and, for a session, `security-token`. */
  readonly credentialsDir?: string | undefined;
  /** Unsigned calls to STS. */
  readonly sts: () => Rpc;
}

interface CredentialSource {
  readonly help: string;
  /** Returns undefined if this source is not configured. */
  readonly provider: (choice: ProviderChoice) => CredentialsProvider | undefined;
}

/** In order of precedence. Files come first, because a flag requests them explicitly. */
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

/** Chooses the first source that is configured, once and visibly: `description` names it. */
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

/** The kubelet updates the files of a rotated Secret within a minute or so; this adds little to that. */
const FILES_RELOAD_MS = 10_000;
/** Short, because reading files is cheap, and a key that is refused just after a read may have been rotated since. */
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

/** Every role allows this: the lowest possible maximum of a role is one hour. */
export const SESSION_SECONDS = 3600;

/**
 * Calls AssumeRoleWithOIDC with our own client instead of the vendor's provider, which supports https only and no proxy,
 * puts STS replies into its errors, and returns expired sessions after a failed renewal.
 */
function oidcProvider(role: OidcRole, sts: () => Rpc): CredentialsProvider {
  const description = `the RAM role ${role.roleArn} (RRSA)`;
  return {
    description,
    roleArn: role.roleArn,
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

/** Requests a session from STS. `description` names its source in errors. */
export async function openSession(
  sts: Rpc,
  description: string,
  action: 'AssumeRole' | 'AssumeRoleWithOIDC',
  params: Params,
): Promise<Credentials> {
  try {
    return sessionFrom(await sts(action, params));
  } catch (error) {
    throw error instanceof ApiError ? withoutSession(error, description) : error;
  }
}

/** Whatever the reason of STS, for the callers it is the credentials that are wrong, unless it may pass. */
function withoutSession(error: ApiError, description: string): ApiError {
  return createApiError({
    ...error,
    text: `no credentials from ${description}: ${error.text}`,
    kind: error.retryable ? error.kind : 'credentials',
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
 * Without a role name, the provider gets it from the metadata service. Each load uses a fresh provider, which keeps no
 * state. The vendor's errors quote replies, which may contain credentials, so the error is built from the status alone.
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
        // A kept-alive connection would be hours old and dead at the next renewal; the vendor's code then continues without a token.
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

/** The part of the vendor's provider that is used here; `doRequest` sends its requests, and is meant for mocks (see its source). */
interface InstanceRole {
  doRequest(request: VendorRequest): Promise<{ readonly statusCode?: number }>;
  getCredentials(): Promise<Partial<Credentials>>;
  readonly session?: { readonly expiration?: string };
}

interface VendorRequest {
  readonly headers: Record<string, string>;
}

const OTHER_WAYS = 'use RRSA, or give an access key (--credentials-dir)';

/** @param status HTTP status of the last request; undefined if there was no answer. */
function metadataFailure(status: number | undefined): string {
  const service = 'the metadata service (100.100.100.200)';
  if (status === undefined)
    return `${service} gives no answer: where there is no ECS instance with a RAM role, ${OTHER_WAYS}`;
  if (status === 404)
    return `${service} knows no such role (HTTP 404): attach a RAM role to the instance and check ALIBABA_CLOUD_ECS_METADATA, or ${OTHER_WAYS}`;
  if (status !== 200) return `${service} refuses (HTTP ${status})`;
  return `what ${service} answers is no session`;
}

/** Falls back to the usual duration of a session if the date is missing or invalid. */
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
