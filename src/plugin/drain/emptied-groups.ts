import { ownedBackends } from '../../controller/binding/records.ts';
import { type BindingObject, groupIdOf, statusOf } from '../../controller/cluster/cluster-caches.ts';
import { isUntouched } from './untouched.ts';

/**
 * Returns the ids of the groups that would have no backend that takes requests once the node's have weight 0. The first row that fits:
 *
 * | backends of the group's bindings take requests | rows of none of these bindings | = the group is            |
 * |------------------------------------------------|--------------------------------|---------------------------|
 * | nowhere                                        | –                              | left as it was            |
 * | on another node                                | –                              | served                    |
 * | only on the node                               | some                           | served, as far as we know |
 * | only on the node                               | none                           | emptied                   |
 *
 * Backends that minBackends holds count where no other takes requests: the pods of some are gone, and the status does not say of which.
 * Bindings that the operator does not touch keep their weights: their rows count like those of other systems. The region is no part of
 * a group's identity here: ids are unique across regions and accounts, and only the operator knows the region of bindings that name
 * none.
 */
export function emptiedGroups(bindings: readonly BindingObject[], node: string): readonly string[] {
  const drained = bindings.flatMap((binding) => {
    const group = groupIdOf(binding);
    const status = statusOf(binding);
    if (isUntouched(binding) || status === undefined || group === undefined) return [];
    const { backends, foreign } = status;
    return [{ group, foreign, owned: ownedBackends(backends) }];
  });
  return [...Map.groupBy(drained, ({ group }) => group)].flatMap(([group, sharing]) => {
    const rows = new Map(sharing.flatMap(({ owned }) => [...owned]));
    const weighted = [...rows.values()].filter(([row]) => row.weight > 0);
    const registered = weighted.filter(([, { state }]) => state === 'Registered');
    // The status of one that is held has a message while the group does not show weight 0.
    const held = weighted.filter(([, { state, message }]) => state === 'Held' && message !== undefined);
    const taking = registered.length > 0 ? registered : held;
    // Each binding counts the rows of the others as foreign. One whose group was not read yet counts none.
    const inGroup = Math.max(...sharing.map(({ foreign, owned }) => foreign + owned.size));
    const isEmptied = taking.length > 0 && taking.every(([, backend]) => backend.node === node);
    return isEmptied && inGroup <= rows.size ? [group] : [];
  });
}
