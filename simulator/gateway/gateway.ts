import type { Action, ActionContext, HealthSource, Semantics } from '../actions/action.ts';
import { ecsActions } from '../actions/ecs.ts';
import { listenerActions } from '../actions/listeners.ts';
import { loadBalancerActions } from '../actions/load-balancers.ts';
import { vServerGroupReads } from '../actions/vserver-group-reads.ts';
import { vServerGroupWrites } from '../actions/vserver-group-writes.ts';
import type { Fault, Faults } from '../faults.ts';
import type { SimulatorState } from '../state/state.ts';
import type { AccessPolicy } from './access-policy.ts';
import type { AccessKeys } from './authentication.ts';
import type { Call } from './call.ts';
import { ApiError } from './errors.ts';
import {
  badGatewayReply,
  codelessReply,
  errorReply,
  type Format,
  type Product,
  type Reply,
  readFormat,
  successReply,
} from './replies.ts';
import type { ApiRequest } from './request.ts';
import type { Throttle } from './throttle.ts';

export interface GatewayParts {
  readonly accessKeys: AccessKeys;
  readonly ram: AccessPolicy;
  readonly throttle: Throttle;
  readonly faults: Faults;
  readonly state: SimulatorState;
  readonly semantics: Semantics;
  readonly health: HealthSource;
  readonly defaultFormat: Format;
}

/** How the reply is delivered; everything but 'reply' is a transport fault. */
export type Delivery = 'reply' | 'half-body' | 'hang' | 'reset' | 'stale-close';

export interface Outcome {
  readonly reply: Reply;
  readonly delivery: Delivery;
  /** For the journal: 'OK', an error code, or a fault's kind. */
  readonly code: string;
  readonly applied: boolean;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  ...vServerGroupWrites,
  ...vServerGroupReads,
  ...loadBalancerActions,
  ...listenerActions,
  ...ecsActions,
};

const VERSIONS: Readonly<Record<string, Product>> = { '2014-05-15': 'Slb', '2014-05-26': 'Ecs' };

/** Checks in the gateway's order: key, token, time, signature, nonce, action, RAM, throttle, parameters. */
export async function answer(parts: GatewayParts, request: ApiRequest, call: Call): Promise<Outcome> {
  const format = readFormat(request.params, parts.defaultFormat);
  const product = VERSIONS[request.version] ?? 'Slb';
  let applied = false;
  try {
    if (request.method !== 'GET' && request.method !== 'POST') throw new ApiError('UnsupportedHTTPMethod');
    parts.accessKeys.authenticate(request);
    const action = findAction(request);
    parts.ram.check(call);
    parts.throttle.take(call.accessKeyId, call.action);
    const fault = await parts.faults.before(call);
    const refusal = fault && (await refuse(fault, call));
    if (refusal) return refusal;
    const body = action.run(contextOf(parts, request));
    applied = true;
    await parts.faults.after(call);
    return deliver(successReply(call.action, body, call.requestId, format), fault);
  } catch (error) {
    const apiError = error instanceof ApiError ? error : internalError(error);
    const reply = errorReply(apiError, product, call.requestId, format);
    return { reply, delivery: 'reply', code: apiError.code, applied };
  }
}

function contextOf(parts: GatewayParts, request: ApiRequest): ActionContext {
  const { state, semantics, health } = parts;
  return { params: request.params, state, semantics, health };
}

function findAction(request: ApiRequest): Action {
  const product = VERSIONS[request.version];
  if (!product) throw new ApiError('InvalidVersion');
  const action = Object.hasOwn(ACTIONS, request.action) ? ACTIONS[request.action] : undefined;
  if (action?.product !== product) throw new ApiError('InvalidAction.NotFound');
  return action;
}

/** Handles faults that prevent the action from being carried out; undefined for other faults. */
async function refuse(fault: Fault, call: Call): Promise<Outcome | undefined> {
  const outcome = (reply: Reply, delivery: Delivery = 'reply'): Outcome => ({
    reply,
    delivery,
    code: fault.kind,
    applied: false,
  });
  switch (fault.kind) {
    case 'error':
      throw new ApiError(fault.code ?? 'InternalError', fault);
    case 'http-503':
      return outcome(errorReply(new ApiError('ServiceUnavailable', fault), 'Slb', call.requestId, 'JSON'));
    case 'html-502':
      return outcome(badGatewayReply());
    case 'json-500':
      return outcome(codelessReply(call.requestId));
    case 'hang':
    case 'reset':
      return outcome(badGatewayReply(), fault.kind);
    case 'delay':
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs ?? 0));
      return undefined;
    default:
      return undefined;
  }
}

function deliver(reply: Reply, fault: Fault | undefined): Outcome {
  switch (fault?.kind) {
    case 'applied-no-reply':
      return { reply, delivery: 'reset', code: fault.kind, applied: true };
    case 'applied-hang':
      return { reply, delivery: 'hang', code: fault.kind, applied: true };
    case 'half-body':
      return { reply, delivery: 'half-body', code: fault.kind, applied: true };
    case 'stale-close':
      return { reply, delivery: 'stale-close', code: 'OK', applied: true };
    default:
      return { reply, delivery: 'reply', code: 'OK', applied: true };
  }
}

/** A defect of the simulator or of a hook: reported loudly on stderr, and as an error that a client can survive. */
function internalError(error: unknown): ApiError {
  console.error(
    'slb-simulator: a call failed inside the simulator; this is a defect of it or of a hook:',
    error,
  );
  return new ApiError('InternalError');
}
