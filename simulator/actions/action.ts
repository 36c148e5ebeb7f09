import { ApiError, invalidParameter, missingParameter } from '../gateway/errors.ts';
import type { Body, Product } from '../gateway/replies.ts';
import type { Row } from '../state/backend-servers.ts';
import type { Listener } from '../state/listeners.ts';
import type { Health, LoadBalancer } from '../state/resources.ts';
import type { SimulatorState } from '../state/state.ts';

/** Behaviour that no page documents, to be chosen by who runs the simulator. README.md explains each. */
export interface Semantics {
  readonly maxBackendsPerCall: number;
  /** Rows over all groups of one load balancer. 0: no quota. */
  readonly backendsPerLoadBalancer: number;
  readonly duplicatesInCall: 'collapse' | 'error';
  readonly alreadyAttached: 'collapse' | 'error';
  readonly emptyBackendServers: 'accept' | 'refuse';
  /** 'loose': an ENI row is also removed when ServerIp is left out or Type is wrong. */
  readonly removeMatch: 'strict' | 'loose';
  /** Remove answers ObtainIpFail when it names an instance or ENI that is gone. */
  readonly obtainIpFailOnRemove: boolean;
  /** Port and Weight in replies as strings, as in older sample bodies. */
  readonly numbersAsStrings: boolean;
  readonly busyMs: number;
  /** After a write, the whole load balancer refuses writes for this long, with this code. */
  readonly loadBalancerBusyMs: number;
  readonly loadBalancerBusyCode: string;
  /** DescribeNetworkInterfaces finds an ENI by an address out of one of its prefixes: how the API has it is not documented. */
  readonly findsOutOfPrefix: boolean;
}

/** Where health is checked; undefined for a listener that forwards nothing. */
export interface HealthSource {
  health(loadBalancer: string, listener: Listener, row: Row): Health | undefined;
}

export interface ActionContext {
  readonly params: ReadonlyMap<string, string>;
  readonly state: SimulatorState;
  readonly semantics: Semantics;
  readonly health: HealthSource;
}

export interface Action {
  readonly product: Product;
  /** The effect is immediate and complete: the whole action runs in one turn of the event loop, or throws. */
  run(context: ActionContext): Body;
}

export function required(params: ReadonlyMap<string, string>, name: string): string {
  const value = params.get(name);
  if (!value) throw missingParameter(name);
  return value;
}

/** RegionId must be that of the resource even on the central endpoint. */
export function checkRegion(params: ReadonlyMap<string, string>, regionId: string, mandatory = true): void {
  const given = mandatory ? required(params, 'RegionId') : params.get('RegionId');
  if (given && given !== regionId) throw regionMismatch();
}

function regionMismatch(): ApiError {
  return invalidParameter('The specified RegionId is invalid.');
}

export function checkWritable(context: ActionContext, loadBalancer: LoadBalancer): void {
  if (loadBalancer.status !== 'active') throw new ApiError('LbStatusNotSupport');
  if (context.state.options.now() < loadBalancer.busyUntil) throw new ApiError(loadBalancer.busyCode);
}

/** After a write, where the whole load balancer is to be busy. */
export function openBusyWindow({ semantics, state }: ActionContext, loadBalancer: LoadBalancer): void {
  if (semantics.loadBalancerBusyMs === 0) return;
  loadBalancer.busyUntil = state.options.now() + semantics.loadBalancerBusyMs;
  loadBalancer.busyCode = semantics.loadBalancerBusyCode;
}

export function positiveInteger(
  params: ReadonlyMap<string, string>,
  name: string,
  bounds: { default: number; max: number },
): number {
  const text = params.get(name);
  if (!text) return bounds.default;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > bounds.max) {
    throw invalidParameter(`The specified ${name} is invalid: it must be in [1,${bounds.max}].`);
  }
  return value;
}
