import { ApiError, invalidParameter, missingParameter } from '../gateway/errors.ts';
import type { Body, Product } from '../gateway/replies.ts';
import type { Row } from '../state/backend-servers.ts';
import type { Listener } from '../state/listeners.ts';
import type { Health, LoadBalancer } from '../state/resources.ts';
import type { SimulatorState } from '../state/state.ts';

/** Behaviour that no page documents; the user of the simulator chooses it. README.md explains each option. */
export interface Semantics {
  readonly maxBackendsPerCall: number;
  /** Maximum number of rows in all groups of one load balancer together. 0: no quota. */
  readonly backendsPerLoadBalancer: number;
  readonly duplicatesInCall: 'collapse' | 'error';
  readonly alreadyAttached: 'collapse' | 'error';
  readonly emptyBackendServers: 'accept' | 'refuse';
  /** 'loose': Remove also removes an ENI row if ServerIp is omitted or Type is wrong. */
  readonly removeMatch: 'strict' | 'loose';
  /** Remove returns ObtainIpFail if it names an instance or ENI that is gone. */
  readonly obtainIpFailOnRemove: boolean;
  /** Replies contain Port and Weight as strings, as older sample bodies do. */
  readonly numbersAsStrings: boolean;
  readonly busyMs: number;
  /** After a write, the whole load balancer refuses writes for this long, with this code. */
  readonly loadBalancerBusyMs: number;
  readonly loadBalancerBusyCode: string;
  /** DescribeNetworkInterfaces finds an ENI by an address from one of its prefixes. What the API does is not documented. */
  readonly findsOutOfPrefix: boolean;
}

/** The source of health states; undefined for a listener that forwards nothing. */
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
  /** Runs completely within one turn of the event loop, or throws. Its effect is immediate. */
  run(context: ActionContext): Body;
}

export function required(params: ReadonlyMap<string, string>, name: string): string {
  const value = params.get(name);
  if (!value) throw missingParameter(name);
  return value;
}

/** RegionId must be the resource's region, even on the central endpoint. */
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

/** Called after a write: makes the whole load balancer busy, if configured. */
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
