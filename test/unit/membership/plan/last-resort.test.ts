import { expect, test } from '@jest/globals';
import { computeDesired } from '../../../../src/membership/desired/desired.ts';
import {
  claim,
  desiredInput,
  endpoint,
  eniMember,
  eniRow,
  members,
  own,
  plan,
  slice,
  terminating,
  written,
} from '../builders.ts';

const wants = members(eniMember('1', { lastResort: true }), eniMember('2', { lastResort: true }));

test('endpoints that only serve because nothing else does are members as a last resort', () => {
  const desired = computeDesired(
    desiredInput({
      endpoints: [slice([endpoint('10.0.0.1', terminating), endpoint('10.0.0.2', terminating)])],
    }),
  );
  expect(desired).toMatchObject({ members: [{ lastResort: true }, { lastResort: true }] });
});

test('a last resort stays where it is, and is not added again once it left', () => {
  const left = plan({ rows: [own(eniRow('1'))], claims: [claim('web', { desired: wants })] });
  expect(written(left)).toEqual([]);
  expect(left.reports).toMatchObject([{ pending: [], passedOver: 1 }]);
});

test('a member on a lost node is reported as long as its row stays, also before the group is read', () => {
  const lost = { lastResort: true, unreachable: true } as const;
  const desired = members(eniMember('1', lost), eniMember('2', lost), eniMember('3'));
  const web = claim('web', { desired });
  const rows = [own(eniRow('1')), eniRow('2'), own(eniRow('3'))];
  for (const rowsAre of ['presumed', 'shown'] as const) {
    const [report] = plan({ rows, rowsAre, claims: [web] }).reports;
    expect(report?.unreachable.map(({ ip }) => ip)).toEqual(['10.0.0.1']);
  }
  expect(plan({ claims: [web] }).reports).toMatchObject([{ unreachable: [] }]);
});

test('a last resort of one binding that is a member of another one is added', () => {
  const both = plan({
    claims: [claim('api', { desired: wants }), claim('web', { desired: members(eniMember('1')) })],
  });
  expect(written(both)).toEqual([['add eni-1/1:8080*100']]);
});
