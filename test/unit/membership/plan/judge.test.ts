import { expect, test } from '@jest/globals';
import { knownRow, type Row } from '../../../../src/membership/backend.ts';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import { judge } from '../../../../src/membership/plan/judge.ts';
import {
  claim,
  ecsMember,
  ecsRow,
  eniByName,
  eniMember,
  eniRow,
  members,
  podRecord,
  recordsOf,
  tag,
  undetermined,
} from '../builders.ts';

const wants = { desired: members(eniMember('1')) };
const suspended = { suspended: true };
const removeOnly = { mode: 'RemoveOnly' } as const;
const ownA = eniRow('1', { description: tag('a') });
const manual = eniRow('1', { description: 'manual' });

function verdict(
  row: Row,
  claims: readonly Claim[],
  eniOf = eniByName as (ip: string) => string | undefined,
) {
  const judged = judge(knownRow(row), claims, eniOf);
  return { judged, filled: judged.filled.length > 0 };
}

const cases: readonly (readonly [string, Row, readonly Claim[], string])[] = [
  ['of a suspended binding, wanted by nobody', ownA, [claim('a', suspended)], 'untouched'],
  [
    'of a suspended binding, wanted by another one',
    ownA,
    [claim('a', suspended), claim('b', wants)],
    'untouched',
  ],
  [
    'of two bindings of which one is suspended',
    ownA,
    [claim('a'), claim('b', { ...suspended, records: recordsOf(podRecord('1')) })],
    'untouched',
  ],
  ['of a binding that wants it', ownA, [claim('a', wants)], 'kept'],
  ['of a binding, wanted by another one', ownA, [claim('a'), claim('b', wants)], 'kept'],
  [
    'of a binding that goes away, wanted by another one',
    ownA,
    [claim('a', { deleting: true }), claim('b', wants)],
    'kept',
  ],
  [
    'of an undetermined binding, its address alive',
    ownA,
    [claim('a', { desired: undetermined(eniMember('1')) })],
    'kept',
  ],
  [
    'of an undetermined binding, its address not alive',
    ownA,
    [claim('a', { desired: undetermined(eniMember('2')) })],
    'leaving',
  ],
  ['of a binding, wanted by nobody', ownA, [claim('a')], 'leaving'],
  ['of a binding, wanted on another port', { ...ownA, port: 9 }, [claim('a', wants)], 'leaving'],
  [
    'of a binding, at another ENI than the pod with its address',
    { ...ownA, serverId: 'eni-old' },
    [claim('a', wants)],
    'moved',
  ],
  ['by hand, wanted by RemoveOnly', manual, [claim('a', { ...wants, ...removeOnly })], 'kept'],
  [
    'by hand, at another ENI than the pod of RemoveOnly',
    { ...manual, serverId: 'eni-old' },
    [claim('a', { ...wants, ...removeOnly })],
    'foreign',
  ],
  ['by hand, wanted by Sync', manual, [claim('a', wants)], 'foreign'],
  ['by hand, wanted by nobody', manual, [claim('a')], 'foreign'],
  [
    'by hand, alive for an undetermined binding',
    manual,
    [claim('a', { desired: undetermined(eniMember('1')) })],
    'foreign',
  ],
  [
    'by hand, wanted by an Exclusive binding',
    manual,
    [claim('a', { ...wants, ownership: 'Exclusive' })],
    'kept',
  ],
  [
    'by hand, not wanted by an Exclusive binding',
    manual,
    [claim('a', { ownership: 'Exclusive' })],
    'leaving',
  ],
  [
    'by hand, wanted by the neighbour of an Exclusive binding',
    manual,
    [claim('a', { ownership: 'Exclusive' }), claim('b', wants)],
    'kept',
  ],
];
test.each(cases)('a row %s: %s', (_, row, claims, expected) => {
  expect(verdict(row, claims).judged.is).toBe(expected);
});

test('a row whose ENI is not known yet is taken to be the pod’s', () => {
  expect(verdict({ ...ownA, serverId: 'eni-old' }, [claim('a', wants)], () => undefined).judged.is).toBe(
    'kept',
  );
});

test('an eci row at the address is the pod’s, whatever its server', () => {
  expect(verdict({ ...ownA, type: 'eci', serverId: 'eci-9' }, [claim('a', wants)]).judged.is).toBe('kept');
});

test('an instance is found by its id and port', () => {
  const row = ecsRow('n1', { description: tag('a') });
  expect(verdict(row, [claim('a', { desired: members(ecsMember('n1')) })]).judged.is).toBe('kept');
  expect(verdict(row, [claim('a', { desired: members(ecsMember('n1', { port: 31000 })) })]).judged.is).toBe(
    'leaving',
  );
});

const onHost = (podUID = 'uid-h') => ecsMember('n1', { port: 8080, ip: '10.0.0.9', pod: 'pod-h', podUID });
const byAddress = eniRow('9', { description: 'manual' });
test.each<readonly [string, Row, 'kept' | 'leaving' | 'foreign']>([
  ['its node’s instance', ecsRow('n1', { port: 8080 }), 'kept'],
  ['its node’s network interface and address', byAddress, 'kept'],
  ['the address behind another network interface', { ...byAddress, serverId: 'eni-old' }, 'foreign'],
  ['the address and another port', { ...byAddress, port: 9090 }, 'foreign'],
])('a pod with hostNetwork and a row of %s: %s by RemoveOnly', (_, row, expected) => {
  const adopts = claim('a', { ...removeOnly, desired: members(onHost()) });
  expect(verdict(row, [adopts]).judged.is).toBe(expected);
});

test('a row fills the place of the member, unless it is at another ENI', () => {
  expect(verdict(manual, [claim('a', wants)]).filled).toBe(true);
  expect(verdict({ ...manual, serverId: 'eni-old' }, [claim('a', wants)]).filled).toBe(false);
});
