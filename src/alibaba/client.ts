import type { Clock } from '../clock.ts';
import { ApiError } from '../cloud/api-error.ts';
import type { ServerGroups } from '../cloud/server-groups.ts';
import { createEcsApi, ECS_API_VERSION } from './api/ecs.ts';
import type { EcsApi } from './api/ecs-api.ts';
import { createRightsProbe, type RightsProbe } from './api/rights-probe.ts';
import { createVServerGroups, SLB_API_VERSION } from './api/vserver-groups.ts';
import { type AssumableCredentials, createAssumableCredentials } from './credentials/assumed-role.ts';
import { chooseProvider, STS_API_VERSION } from './credentials/credential-providers.ts';
import type { CredentialsOptions, CredentialsSource } from './credentials/credentials.ts';
import { inPlaceOf } from './errors/errors.ts';
import { createAgent } from './rpc/agent.ts';
import type { CloudTime } from './rpc/cloud-time.ts';
import { type EndpointOptions, endpointUrl, isLoopback, type Product } from './rpc/endpoints.ts';
import { correcting, type ReadRetryOptions, resending, retrying } from './rpc/retry.ts';
import { type CallRecord, createRpc, type Rpc, type RpcOptions } from './rpc/rpc.ts';
import type { RateLimiter } from './throttle.ts';

export interface CloudTransportOptions {
  readonly endpoints: EndpointOptions;
  readonly clock: Clock;
  readonly cloudTime: CloudTime;
  /** Limit for a whole call. The API's slowest writes take several seconds, so pop-core's default of 3 s is too short. */
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Holds HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called for each attempt, for metrics and logs. */
  readonly onCall?: (record: CallRecord) => void;
}

export interface AlibabaClientOptions extends CloudTransportOptions {
  readonly credentials: CredentialsSource;
  /**
   * Reads acquire a token automatically and are retried, except reads of a group, because a removal that comes up meanwhile
   * would wait behind them, and reads of health, which are repeated anyway. Writes do not acquire a token: their planner
   * does so first, to plan after the wait. Throttled replies to reads and writes are reported to the limiter here.
   */
  readonly limiter: RateLimiter;
  readonly retry?: ReadRetryOptions;
}

export interface SlbClient {
  readonly vServerGroups: Required<ServerGroups>;
  readonly rights: RightsProbe;
}

export interface AlibabaClient extends SlbClient {
  /** Uses other credentials and the rate limit of their account. */
  slbWith(credentials: CredentialsSource, limiter: RateLimiter): SlbClient;
  readonly ecs: EcsApi;
  close(): void;
}

export function createAlibabaClient(options: AlibabaClientOptions): AlibabaClient {
  const { clock } = options;
  const transport = createTransport(options);
  const signed = (product: Product, apiVersion: string, { credentials, limiter }: Caller) =>
    perRegion(product, options.endpoints, (endpoint) =>
      resending(reporting(transport.rpc({ endpoint, apiVersion, credentials }), limiter), credentials),
    );
  const read =
    (rpc: (regionId: string) => Rpc, { limiter }: Caller, retry?: ReadRetryOptions) =>
    (regionId: string) =>
      retrying(rpc(regionId), limiter, clock, retry);
  const slbOf = (caller: Caller): SlbClient => {
    const slb = signed('slb', SLB_API_VERSION, caller);
    const vServerGroups = createVServerGroups({
      read: read(slb, caller, { attempts: 1 }),
      health: read(slb, caller, { attempts: 1, priority: 'health' }),
      write: slb,
      limiter: caller.limiter,
    });
    return { vServerGroups, rights: createRightsProbe(slb) };
  };
  return {
    ...slbOf(options),
    slbWith: (credentials, limiter) => slbOf({ credentials, limiter }),
    ecs: createEcsApi(read(signed('ecs', ECS_API_VERSION, options), options, options.retry)),
    close: transport.close,
  };
}

type Caller = Pick<AlibabaClientOptions, 'credentials' | 'limiter'>;

export interface CredentialsChoice extends CloudTransportOptions, Pick<CredentialsOptions, 'onRefresh'> {
  /** Region of the STS endpoint where roles are assumed. */
  readonly regionId: string;
  readonly credentialsDir?: string;
}

/** The credentials configured in the environment. Call `get` once at start-up: if it fails, the configuration is wrong. */
export function credentialsFromEnvironment(options: CredentialsChoice): AssumableCredentials {
  const env = options.env ?? process.env;
  const transport = createTransport(options);
  const sts = (credentials: RpcOptions['credentials']) => {
    const endpoint = endpointUrl(
      'sts',
      env['ALIBABA_CLOUD_STS_REGION'] || options.regionId,
      options.endpoints,
    );
    return transport.rpc({ endpoint, apiVersion: STS_API_VERSION, credentials });
  };
  const { credentialsDir } = options;
  const provider = {
    ...chooseProvider({ env, credentialsDir, sts: () => sts('anonymous') }),
    close: transport.close,
  };
  return createAssumableCredentials(provider, sts, options);
}

interface Transport {
  rpc(options: Pick<RpcOptions, 'endpoint' | 'apiVersion' | 'credentials'>): Rpc;
  close(): void;
}

/**
 * Connection pools, created on demand and shared by all clients. A call that is refused for its timestamp is resent with
 * the corrected time. Loopback endpoints bypass the proxy.
 */
function createTransport(options: CloudTransportOptions): Transport {
  const {
    clock,
    cloudTime,
    onCall,
    timeoutMs = 20_000,
    connectTimeoutMs = 5_000,
    env = process.env,
  } = options;
  const agents = new Map<string, ReturnType<typeof createAgent>>();
  const agentFor = (endpoint: string) => {
    const { protocol, hostname } = new URL(endpoint);
    const proxyEnv = isLoopback(hostname) ? undefined : env;
    const key = `${protocol} ${proxyEnv === undefined}`;
    const agent =
      agents.get(key) ??
      createAgent(protocol === 'http:' ? 'http:' : 'https:', { connectTimeoutMs, proxyEnv });
    agents.set(key, agent);
    return agent;
  };
  return {
    rpc: (call) =>
      correcting(
        createRpc({ ...call, agent: agentFor(call.endpoint), clock, cloudTime, timeoutMs, onCall }),
        cloudTime,
      ),
    close() {
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** One `Rpc` for each endpoint. An invalid region id fails only the call that names it. */
function perRegion(
  product: Product,
  endpoints: EndpointOptions,
  create: (endpoint: string) => Rpc,
): (regionId: string) => Rpc {
  const byEndpoint = new Map<string, Rpc>();
  const find = (regionId: string) => {
    const endpoint = endpointUrl(product, regionId, endpoints);
    const rpc = byEndpoint.get(endpoint) ?? create(endpoint);
    byEndpoint.set(endpoint, rpc);
    return rpc;
  };
  return (regionId) => async (action, params, context) => {
    try {
      return await find(regionId)(action, params, context);
    } catch (error) {
      throw error instanceof ApiError && error.action !== action
        ? inPlaceOf(error, action, context?.group)
        : error;
    }
  };
}

function reporting(rpc: Rpc, limiter: RateLimiter): Rpc {
  return async (action, params, context) => {
    try {
      return await rpc(action, params, context);
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'throttled') limiter.onThrottled(error.retryAfterMs);
      throw error;
    }
  };
}
