import type { TestServerOptions } from '../../nodes/test-server.ts';

/**
 * How a listener's group is filled.
 *
 * | kind          | rows                                                                     |
 * |---------------|--------------------------------------------------------------------------|
 * | `eni`         | the pods' addresses                                                      |
 * | `ecs-cluster` | all nodes by node port; kube-proxy sends on to any pod                   |
 * | `ecs-local`   | the nodes that have a pod by node port; kube-proxy keeps to its own pods |
 */
export type BackendKind = 'eni' | 'ecs-cluster' | 'ecs-local';

export interface AppShape {
  readonly replicas: number;
  readonly server: TestServerOptions;
  /** Merged into the Deployment's spec. */
  readonly deployment?: Readonly<Record<string, unknown>>;
}

/** What stands on a stage before anything happens. */
export interface Setting {
  readonly app: AppShape;
  readonly backends: readonly BackendKind[];
  /** Merged into the spec of each binding. */
  readonly binding?: Readonly<Record<string, unknown>>;
  /** Pods get the readiness gate, which the operator opens, and a hold as long as this. Default: neither. */
  readonly gateAndHold?: { readonly holdSeconds: number };
  /** Of the operator. Default 1. */
  readonly operators?: number;
}
