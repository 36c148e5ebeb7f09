import { describe, expect, test } from '@jest/globals';
import { type GrantQuestion, grantOf, parseGrants } from '../../../src/membership/grants.ts';

const question = (annotation: string | undefined, change: Partial<GrantQuestion> = {}): GrantQuestion => ({
  grants: annotation === undefined ? undefined : parseGrants(annotation),
  vServerGroupId: 'rsp-1',
  loadBalancerId: 'lb-1',
  before: undefined,
  ...change,
});

const unknown = { loadBalancerId: undefined };
const byName = { vServerGroupId: undefined };
const served = { before: 'served' } as const;
const refused = { before: 'refused' } as const;

describe('what a namespace is granted', () => {
  test.each<[string, string | undefined, Partial<GrantQuestion>, string]>([
    ['the group, with others', 'rsp-2 rsp-1', {}, 'shared'],
    ['the group, before it is read', 'rsp-1 lb-2', unknown, 'shared'],
    ['its load balancer', 'lb-1', {}, 'shared'],
    ['a load balancer, before the group is read', 'lb-1', unknown, 'undecided'],
    ['the group with :Exclusive', 'rsp-1:Exclusive', {}, 'exclusive'],
    ['its load balancer with :Exclusive', 'lb-1:Exclusive', {}, 'exclusive'],
    ['both, one with :Exclusive', 'rsp-1 lb-1:Exclusive', {}, 'exclusive'],
    ['the group twice, once with :Exclusive', 'rsp-1:Exclusive rsp-1', {}, 'exclusive'],
    ['another group', 'rsp-2', {}, 'none'],
    ['another load balancer', 'lb-2:Exclusive', {}, 'none'],
    ['nothing', '', {}, 'none'],
    ['nothing, before the group is read', '', unknown, 'none'],
    ['nothing any more', '', served, 'none'],
    ['another group now', 'rsp-2', served, 'none'],
    ['what can’t be read', 'rsp_1', {}, 'none'],
    ['what can’t be read, to a binding that works', 'rsp_1', served, 'shared'],
    ['what can’t be read besides the group', 'rsp-1:Exclusive rsp_2', served, 'exclusive'],
    ['what can’t be read, to a binding that was refused', 'rsp_1', refused, 'none'],
    ['nobody knows what', undefined, {}, 'unknown'],
    ['nobody knows what, to a binding that works', undefined, served, 'shared'],
    ['nobody knows what, to a binding that was refused', undefined, refused, 'none'],
    ['groups, of which one may have the name', 'rsp-2', byName, 'undecided'],
    ['the load balancer of a group by its name', 'lb-1', byName, 'shared'],
    ['other load balancers than that of a group by its name', 'lb-2', byName, 'none'],
  ])('%s', (_, annotation, change, grant) => {
    expect(grantOf(question(annotation, change))).toBe(grant);
  });

  test('is no id that only begins like one of the list, or ends so', () => {
    expect(grantOf(question('rsp-1', { vServerGroupId: 'rsp-11', ...unknown }))).toBe('none');
    expect(grantOf(question('rsp-11', unknown))).toBe('none');
  });
});

describe('an annotation', () => {
  test('is read by spaces, commas and line breaks', () => {
    const { byId, unreadable } = parseGrants('\n rsp-1, rsp-2,,lb-3:Exclusive\nrsp-4 \n');
    expect([...byId]).toEqual([
      ['rsp-1', 'shared'],
      ['rsp-2', 'shared'],
      ['lb-3', 'exclusive'],
      ['rsp-4', 'shared'],
    ]);
    expect(unreadable).toEqual([]);
  });

  test.each([
    'rsp_1',
    'RSP-1',
    'rsp-',
    'rsp-1:exclusive',
    'rsp-1:Shared',
    ':Exclusive',
    '*',
    'rsp-*',
    'rsp-1\trsp-2',
    'sgp-1',
    `rsp-${'1'.repeat(61)}`,
    '__proto__',
  ])('has an entry that is no grant: %j', (entry) => {
    const { byId, unreadable } = parseGrants(`lb-1 ${entry} rsp-2`);
    expect([...byId.keys()]).toEqual(['lb-1', 'rsp-2']);
    expect(unreadable).toEqual([entry]);
  });
});
