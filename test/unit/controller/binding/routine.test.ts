import { expect, test } from '@jest/globals';
import { parseBinding, type VServerGroupBinding } from '../../../../src/api/vservergroupbinding.ts';
import { isRoutine } from '../../../../src/controller/binding/routine.ts';

function binding(
  reason: string,
  { mode = 'Sync', generation = 1, draining = 0, deletionTimestamp = '' } = {},
) {
  const condition = {
    type: 'Ready',
    status: reason === 'Synced' ? 'True' : 'False',
    reason,
    message: 'a sentence.',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const parsed = parseBinding({
    metadata: { namespace: 'shop', name: 'web', ...(deletionTimestamp && { deletionTimestamp }) },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, mode },
    status: { observedGeneration: generation, conditions: [condition], draining },
  });
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.binding;
}

const synced = binding('Synced');

test.each<[string, VServerGroupBinding, VServerGroupBinding, boolean]>([
  ['other counts', synced, binding('Synced'), true],
  ['additions that are under way', synced, binding('Progressing'), true],
  ['additions that were shown to be under way and are done', binding('Progressing'), synced, false],
  ['a problem', synced, binding('BackendsRefused'), false],
  ['the end of a problem', binding('BackendsRefused'), synced, false],
  ['another spec', synced, binding('Synced', { generation: 2 }), false],
  ['a drain that begins', synced, binding('Synced', { draining: 1 }), false],
  ['the end of a drain', binding('Synced', { draining: 1 }), synced, false],
  ['what RemoveOnly has adopted', binding('Synced', { mode: 'RemoveOnly' }), synced, false],
  [
    'what a deleted binding has left',
    binding('Synced', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    synced,
    false,
  ],
  ['the first status', binding('None'), synced, false],
])('%s', (_, shown, next, routine) => {
  expect(isRoutine(shown, next.status)).toBe(routine);
});
