import { expect, test } from '@jest/globals';
import { backendKey, type Row } from '../../../../src/membership/backend.ts';
import type { Claim } from '../../../../src/membership/plan/claim.ts';
import { ownersOf } from '../../../../src/membership/plan/ownership.ts';
import { claim, eniRow, podRecord, record, recordsOf, tag, undetermined } from '../builders.ts';

const recorded = recordsOf(podRecord('1'));
const exclusive = { ownership: 'Exclusive' } as const;

const cases: readonly (readonly [string, Partial<Row>, readonly Claim[], readonly string[]])[] = [
  ['a row with the tag of a binding is its own', { description: tag('a') }, [claim('a'), claim('b')], ['a']],
  [
    'a row in the records of a binding is its own, whatever it is called',
    { description: 'renamed' },
    [claim('a', { records: recorded }), claim('b')],
    ['a'],
  ],
  [
    'a row with the tag of one and in the records of another is of both',
    { description: tag('b') },
    [claim('a', { records: recorded }), claim('b')],
    ['a', 'b'],
  ],
  [
    'a row in the records of a binding as a stranger is not its own',
    { description: 'by hand' },
    [claim('a', { records: recordsOf(record(eniRow('1'), { state: 'Removing', stranger: true })) })],
    [],
  ],
  ['a row by hand is nobody’s', { description: 'by hand' }, [claim('a')], []],
  ['a row without description is nobody’s', {}, [claim('a')], []],
  ['a row of the CCM is nobody’s', { description: 'k8s/80/web/shop/cluster' }, [claim('a')], []],
  [
    'a row of the same binding in another cluster is nobody’s',
    { description: 'vsgb/other/shop/a' },
    [claim('a')],
    [],
  ],
  ['a tag that only begins like ours is nobody’s', { description: `${tag('a')}-2` }, [claim('a')], []],
  [
    'a row by hand falls to an Exclusive binding',
    { description: 'by hand' },
    [claim('a'), claim('b', exclusive)],
    ['b'],
  ],
  [
    'a proven row of another binding does not fall to it',
    { description: tag('a') },
    [claim('a'), claim('b', exclusive)],
    ['a'],
  ],
  [
    'Exclusive while undetermined takes nothing over',
    {},
    [claim('a', { ...exclusive, desired: undetermined() })],
    [],
  ],
  ['Exclusive while suspended takes nothing over', {}, [claim('a', { ...exclusive, suspended: true })], []],
  ['Exclusive while deleted takes nothing over', {}, [claim('a', { ...exclusive, deleting: true })], []],
  [
    'what it has a proof of stays its own all the same',
    { description: tag('a') },
    [claim('a', { ...exclusive, deleting: true })],
    ['a'],
  ],
];

test.each(cases)('%s', (_, change, claims, expected) => {
  const row = eniRow('1', change);
  expect(ownersOf(claims, row, backendKey(row)).map(({ id }) => id)).toEqual(
    expected.map((name) => `shop/${name}`),
  );
});
