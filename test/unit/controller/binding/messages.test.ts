import { expect, test } from '@jest/globals';
import { conditionExamples, eventExamples } from '../../../../scripts/docs/message-examples.ts';
import { english, messagesPage } from '../../../../scripts/docs/messages.ts';
import { REQUEST_ID } from '../../../../scripts/docs/situation.ts';
import { EVENT_REASONS, REASONS } from '../../../../src/api/conditions.ts';

test('every reason of a condition or event has an entry in docs/messages.md', () => {
  expect(Object.keys(conditionExamples).sort()).toEqual(Object.keys(REASONS).sort());
  expect(Object.keys(eventExamples).sort()).toEqual(Object.keys(EVENT_REASONS).sort());
  const page = messagesPage(english);
  for (const reason of [...Object.keys(REASONS), ...Object.keys(EVENT_REASONS)])
    expect(page).toContain(`### ${reason}\n`);
});

const conditions = Object.entries(conditionExamples).map(
  ([reason, { example }]) => [reason, example()] as const,
);

test.each(conditions)('%s comes out of what its example shows', (reason, example) => {
  expect(example.reason).toBe(reason);
});

test.each(conditions.filter(([reason]) => reason !== 'InvalidSpec' && reason !== 'GroupNameAmbiguous'))(
  '%s names the group',
  (_, { message }) => {
    expect(message).toMatch(/vServer group rsp-bp1x0abc \(cn-hangzhou[,)]/);
  },
);

test('GroupNameAmbiguous names the load balancer and each group', () => {
  const { message } = conditionExamples.GroupNameAmbiguous.example();
  expect(message).toContain('load balancer lb-bp1x0abc (cn-hangzhou)');
  expect(message).toContain('vServer groups named web (rsp-bp1x0abc, rsp-bp1x0def)');
});

/** An ambiguous address is found in a successful reply, before any call on the group. */
test('VpcUnknown names the call alone, since there is neither a request that was refused nor a group it was about', () => {
  const { message } = conditionExamples.VpcUnknown.example();
  expect(message).toMatch(/^DescribeNetworkInterfaces failed with AmbiguousAddress: /);
  expect(message).not.toMatch(/HTTP|request /);
});

test.each(
  conditions.filter(([reason, { message }]) => reason !== 'VpcUnknown' && message.includes('failed with')),
)('%s names action, code and request id of the call that failed', (_, { message }) => {
  expect(message).toMatch(/\w+ on vServer group .* failed with [\w.]+: /);
  expect(message).toContain(`request ${REQUEST_ID}`);
});

test.each(conditions)('%s is made of whole sentences, said once', (_, { message }) => {
  expect(message).toMatch(/\.$/);
  expect(message).not.toMatch(/\.\.|undefined|NaN|\bnull\b/);
  expect(message.match(/(tries|tried) again/g)?.length ?? 0).toBeLessThanOrEqual(2);
});

test.each(Object.entries(eventExamples))('event %s names group and backends', (reason, { example }) => {
  expect(example()).toContain('vServer group rsp-bp1x0abc (cn-hangzhou)');
  if (['Added', 'Removed', 'Draining', 'Weighed'].includes(reason))
    expect(example()).toMatch(/: 10\.0\.0\.1:8080, 10\.0\.0\.2:8080 \(request /);
});
