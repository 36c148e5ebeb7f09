import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseBinding } from '../../../src/api/vservergroupbinding.ts';

const metadata = { name: 'web', namespace: 'shop', uid: 'u-1', generation: 3 };
const spec = { vServerGroupId: 'rsp-1', serviceRef: { name: 'web', port: 80 } };
const row = {
  serverId: 'eni-1',
  serverIp: '10.0.0.1',
  port: 80,
  type: 'eni',
  weight: 100,
  state: 'Registered',
};

function parsed(raw: unknown) {
  const result = parseBinding(raw);
  if (!result.ok) throw new Error(result.message);
  return result.binding;
}

function refused(raw: unknown) {
  const result = parseBinding(raw);
  if (result.ok) throw new Error('was taken');
  return result;
}

function refusal(raw: unknown): string {
  return refused(raw).message;
}

describe('spec', () => {
  test('defaults are those of the CRD', () => {
    expect(parsed({ metadata, spec }).spec).toEqual({
      ...spec,
      backendType: 'eni',
      mode: 'Sync',
      ownership: 'Shared',
      weight: 100,
      minBackends: 0,
      deletionPolicy: 'Remove',
      suspend: false,
    });
  });

  test('unknown fields are ignored', () => {
    expect(parsed({ metadata, spec: { ...spec, later: 1 } }).spec).not.toHaveProperty('later');
  });

  test.each([
    [{ weight: 101 }, 'spec.weight: Too big: expected number to be <=100'],
    [
      { vServerGroupId: 'lb-1' },
      'spec.vServerGroupId: must be the id of a vServer group: rsp- and then letters and digits',
    ],
    [{ vServerGroupId: undefined }, 'spec: exactly one of vServerGroupId and vServerGroup must be given'],
    [
      { vServerGroup: { loadBalancerId: 'lb-1', name: 'web' } },
      'spec: exactly one of vServerGroupId and vServerGroup must be given',
    ],
    [
      { vServerGroupId: undefined, vServerGroup: { loadBalancerId: 'rsp-1', name: '' } },
      'spec.vServerGroup.loadBalancerId: must be the id of a classic load balancer: lb- and then letters and digits; spec.vServerGroup.name: Too small: expected string to have >=1 characters',
    ],
    [{ regionId: 'x' }, 'spec.regionId: must be the id of a region, as cn-hangzhou'],
    [{ serviceRef: { name: 'web', port: 0 } }, 'spec.serviceRef.port: Too small: expected number to be >=1'],
    [
      { serviceRef: { name: 'web', port: {} } },
      'spec.serviceRef.port: must be a port number from 1 to 65535 or the name of a port of the Service',
    ],
    [{ serviceRef: undefined }, 'spec.serviceRef: Invalid input: expected object, received undefined'],
  ])('%j is refused with a sentence', (change, message) => {
    expect(refusal({ metadata, spec: { ...spec, ...change } })).toBe(message);
  });

  test.each([undefined, null, 1, 'x', [], {}, { metadata }])('%j is refused, not thrown', (raw) => {
    expect(refusal(raw)).toBeTruthy();
  });
});

describe('status', () => {
  test('is empty before the first report', () => {
    expect(parsed({ metadata, spec }).status).toEqual({
      observedGeneration: -1,
      conditions: [],
      desired: 0,
      registered: 0,
      draining: 0,
      foreign: 0,
      backends: [],
    });
  });

  test('a row that does not fit is left out, the others are kept', () => {
    const { status } = parsed({ metadata, spec, status: { backends: [{ ...row, port: 'x' }, row, 7] } });
    expect(status.backends).toEqual([row]);
  });

  test('a field that does not fit is left out, the others are kept', () => {
    const { status } = parsed({
      metadata,
      spec,
      status: { desired: 'x', backends: [row], observedGeneration: 2 },
    });
    expect(status).toMatchObject({ desired: 0, backends: [row], observedGeneration: 2 });
  });

  test('no length of list or text makes a row unreadable', () => {
    const backends = Array.from({ length: 100_000 }, () => ({ ...row, message: 'x'.repeat(2000) }));
    expect(parsed({ metadata, spec, status: { backends } }).status.backends).toHaveLength(100_000);
  });

  test('nothing makes it throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (a, b, c) => {
        parseBinding(a);
        const result = parseBinding({ metadata, spec, status: a });
        expect(result.ok).toBe(true);
        parseBinding({ metadata, spec, status: { backends: [a, row], conditions: b, desired: c } });
        parseBinding({ metadata: a, spec: b, status: c });
      }),
    );
  });
});

describe('a binding whose spec cannot be read', () => {
  const unreadable = { metadata, spec: { ...spec, weight: 101 } };

  test('its status is read as far as it fits', () => {
    const { status } = refused({ ...unreadable, status: { backends: [row, 'x'], desired: 1 } });
    expect(status).toMatchObject({ backends: [row], desired: 1, observedGeneration: -1 });
    for (const none of [undefined, 7, null, []])
      expect(refused({ ...unreadable, status: none }).status).toBeUndefined();
  });

  test('its metadata are read', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const of = { ...metadata, deletionTimestamp, finalizers: ['a'], labels: { a: 1 } };
    const read = refused({ ...unreadable, metadata: of }).metadata;
    expect(read).toMatchObject({ ...metadata, deletionTimestamp, finalizers: ['a'] });
    expect(read).not.toHaveProperty('labels');
  });

  test('each field of the spec is read by itself, with its default where it is not there', () => {
    const { fields, misfits } = refused({
      metadata,
      spec: { ...spec, weight: 101, mode: 'RemoveOnly', regionId: 'x', drain: { seconds: 5 } },
    });
    expect(fields).toEqual({
      ...spec,
      mode: 'RemoveOnly',
      drain: { seconds: 5, propagationSeconds: 10 },
      backendType: 'eni',
      ownership: 'Shared',
      minBackends: 0,
      deletionPolicy: 'Remove',
      suspend: false,
    });
    expect(misfits).toEqual(['regionId', 'weight']);
  });

  test.each(['no object', null, { metadata: 7, spec: [] }])('of %j nothing is read', (raw) => {
    const { metadata, fields, status } = refused(raw);
    expect(metadata).not.toHaveProperty('name');
    expect(fields.vServerGroupId).toBeUndefined();
    expect(status).toBeUndefined();
  });
});
