import type { TestServerOptions } from '../../nodes/test-server.ts';
import type { Stage } from '../stage/stage.ts';

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

export interface Scenario {
  readonly name: string;
  /** One line for the report: what happens, and to how many pods. */
  readonly what: string;
  readonly app: AppShape;
  readonly backends: readonly BackendKind[];
  readonly operator?: OperatorShape;
  /** What is done under load. Returns when it is over, as far as it can be seen. */
  act(stage: Stage): Promise<void>;
  /** Undoes to nodes and cloud what would be in the way of the next scenario; runs after a failure, too. */
  restore?(stage: Stage): Promise<void>;
}

export interface OperatorShape {
  readonly replicas: number;
}

/** The application that does what it should: it ends what it has begun. */
export const WELL_BEHAVED: AppShape = { replicas: 4, server: { atSigterm: 'drain' } };
