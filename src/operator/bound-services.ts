import {
  type ClusterCaches,
  isBeingDeleted,
  serviceOf,
  specOf,
} from '../controller/cluster/cluster-caches.ts';
import type { BoundService } from '../webhook/admit-pod.ts';
import { holdSecondsFor } from '../zero-downtime/hold.ts';

/** For each binding of the namespace that is not being deleted: its Service, if that selects pods. */
export function boundServices(
  namespace: string,
  { bindings, services }: Pick<ClusterCaches, 'bindings' | 'services'>,
  defaultDrainSeconds: number,
): readonly BoundService[] {
  return bindings.byIndex('namespace', namespace).flatMap((binding) => {
    const service = services.get(serviceOf(binding) ?? '');
    if (!service?.selects || isBeingDeleted(binding)) return [];
    const { mode, backendType, drain } = specOf(binding);
    return [
      {
        selector: service.selector,
        addsPods: mode === 'Sync' && backendType === 'eni',
        holdSeconds: holdSecondsFor({ drain }, defaultDrainSeconds),
      },
    ];
  });
}
