import type { AppShape, Setting } from '../stage/setting.ts';
import type { Stage } from '../stage/stage.ts';

export interface Scenario extends Setting {
  readonly name: string;
  /** One line for the report: what happens, and to how many pods. */
  readonly what: string;
  /** What is done under load. Returns when it is over, as far as it can be seen. */
  act(stage: Stage): Promise<void>;
  /** Undoes to nodes and cloud what would be in the way of the next scenario; runs after a failure, too. */
  restore?(stage: Stage): Promise<void>;
}

/** The application that does what it should: it ends what it has begun. */
export const WELL_BEHAVED: AppShape = { replicas: 4, server: { atSigterm: 'drain' } };

/** That, behind a group of its pods' addresses. */
export const BY_ADDRESS: Setting = { app: WELL_BEHAVED, backends: ['eni'] };

/** That, behind a group of each kind. */
export const BY_EACH_KIND: Setting = { app: WELL_BEHAVED, backends: ['eni', 'ecs-cluster', 'ecs-local'] };
