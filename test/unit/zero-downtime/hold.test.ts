import { expect, test } from '@jest/globals';
import { parseBinding } from '../../../src/api/vservergroupbinding.ts';
import { holdSecondsFor } from '../../../src/zero-downtime/hold.ts';

test.each<[string, object, number]>([
  ["without a drain of its own: that of the operator, and the load balancer's time", {}, 20 + 10 + 5],
  ['with a drain', { drain: { seconds: 30 } }, 30 + 10 + 5],
  ['with a drain of 0', { drain: { seconds: 0 } }, 0 + 10 + 5],
  ["with the load balancer's time", { drain: { propagationSeconds: 60 } }, 20 + 60 + 5],
  ['with a load balancer that takes no time', { drain: { seconds: 30, propagationSeconds: 0 } }, 30 + 0 + 5],
])('how long the pods of a binding %s have to be held', (_, spec, seconds) => {
  const parsed = parseBinding({
    metadata: { namespace: 'shop', name: 'web' },
    spec: { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 }, ...spec },
  });
  if (!parsed.ok) throw new Error(parsed.message);
  expect(holdSecondsFor(parsed.binding.spec, 20)).toBe(seconds);
});
