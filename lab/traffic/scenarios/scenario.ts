import type { AppShape, Setting } from '../stage/setting.ts';
import type { Stage } from '../stage/stage.ts';

export interface Scenario extends Setting {
  readonly name: string;
  /** One line for the report: what happens, and to how many pods. */
  readonly what: string;
  /** Acts under load. Returns when the action is over, as far as can be seen. */
  act(stage: Stage): Promise<void>;
  /** Undoes changes to nodes and cloud that would disturb the next scenario; also runs after a failure. */
  restore?(stage: Stage): Promise<void>;
}

/** A well-behaved application: it finishes the requests it has accepted. */
export const WELL_BEHAVED: AppShape = { replicas: 4, server: { atSigterm: 'drain' } };

/** The well-behaved application behind a group of its pods' addresses. */
export const BY_ADDRESS: Setting = { app: WELL_BEHAVED, backends: ['eni'] };

/** The well-behaved application behind a group of each kind. */
export const BY_EACH_KIND: Setting = { app: WELL_BEHAVED, backends: ['eni', 'ecs-cluster', 'ecs-local'] };
