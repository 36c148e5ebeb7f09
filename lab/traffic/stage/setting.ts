import type { TestServerOptions } from '../../nodes/test-server.ts';

/**
 * How a listener's group is filled.
 *
 * | kind          | rows                                                                     |
 * |---------------|--------------------------------------------------------------------------|
 * | `eni`         | the pods' addresses                                                      |
 * | `ecs-cluster` | all nodes, by node port; kube-proxy forwards to any pod                  |
 * | `ecs-local`   | nodes that have a pod, by node port; kube-proxy uses local pods only     |
 */
export type BackendKind = 'eni' | 'ecs-cluster' | 'ecs-local';

export interface AppShape {
  readonly replicas: number;
  readonly server: TestServerOptions;
  /** Merged into the Deployment's spec. */
  readonly deployment?: Readonly<Record<string, unknown>>;
}

/** What is on a stage before anything happens. */
export interface Setting {
  readonly app: AppShape;
  readonly backends: readonly BackendKind[];
  /** Merged into the spec of each binding. */
  readonly binding?: Readonly<Record<string, unknown>>;
  /** Pods get the readiness gate, which the operator opens, and a hold of this length. Default: neither. */
  readonly gateAndHold?: { readonly holdSeconds: number };
  /** Number of operator replicas. Default: 1. */
  readonly operators?: number;
}
