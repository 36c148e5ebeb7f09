import { describe, expect, test } from '@jest/globals';
import {
  claim,
  eniMember,
  eniRow,
  members,
  own,
  plan,
  podRecord,
  recordsOf,
  states,
  tag,
  written,
} from '../builders.ts';

const refused = { granted: false, mayAdd: false } as const;
const wants = (...names: readonly string[]) => ({
  desired: members(...names.map((name) => eniMember(name))),
});

describe('a binding that is not granted the group', () => {
  test('adds nothing; what it has stays while it lives, and is removed when it is gone', () => {
    const result = plan({
      rows: [own(eniRow('1')), own(eniRow('2'))],
      claims: [claim('web', { ...wants('1', '3'), ...refused })],
    });
    expect(written(result)).toEqual([['remove eni-2/2:8080']]);
    expect(states(result)).toEqual({ 'eni-1': 'Registered', 'eni-2': 'Removing' });
  });

  test('drains what leaves, and gives the weight back to what stays after all', () => {
    const drainMs = 60_000;
    const rows = [own(eniRow('1', { weight: 0 })), own(eniRow('2'))];
    const records = recordsOf(podRecord('1', { state: 'Draining', drainingSince: 1 }), podRecord('2'));
    const result = plan({ rows, claims: [claim('web', { ...wants('1'), ...refused, records, drainMs })] });
    expect(written(result)).toEqual([['set eni-2/2:8080*0', 'set eni-1/1:8080*100']]);
  });

  test('changes no weight', () => {
    const web = claim('web', { desired: members(eniMember('1', { weight: 7 })), ...refused });
    expect(written(plan({ rows: [own(eniRow('1'))], claims: [web] }))).toEqual([]);
  });

  test('keeps as many as minBackends says', () => {
    const web = claim('web', { ...refused, minBackends: 1 });
    expect(states(plan({ rows: [own(eniRow('1'))], claims: [web] }))).toEqual({ 'eni-1': 'Held' });
  });

  test.each(['Sync', 'RemoveOnly'] as const)('takes no row of others over, with mode %s', (mode) => {
    const web = claim('web', { ...wants('1'), ...refused, mode });
    const result = plan({ rows: [eniRow('1', { description: 'by hand' })], claims: [web] });
    expect([written(result), states(result)]).toEqual([[], {}]);
  });

  test('RemoveOnly: a row of others is not removed with the member that left', () => {
    const web = claim('web', { ...refused, mode: 'RemoveOnly', formerAt: () => ({ pod: 'pod-1' }) });
    const result = plan({ rows: [eniRow('1', { description: 'by hand' })], claims: [web] });
    expect(written(result)).toEqual([]);
  });

  test('holds no row of another binding that is granted it, whatever its Service names', () => {
    const granted = claim('api', { desired: members() });
    const web = claim('web', { ...wants('1'), ...refused });
    const result = plan({ rows: [eniRow('1', { description: tag('api') })], claims: [granted, web] });
    expect(written(result)).toEqual([['remove eni-1/1:8080']]);
  });

  test('leaves its row to one that is granted it and wants it', () => {
    const granted = claim('api', wants('1'));
    const web = claim('web', { ...refused });
    const result = plan({ rows: [own(eniRow('1'))], claims: [granted, web] });
    expect(written(result)).toEqual([]);
    expect([states(result, 'api'), states(result)]).toEqual([{ 'eni-1': 'Registered' }, {}]);
  });
});
