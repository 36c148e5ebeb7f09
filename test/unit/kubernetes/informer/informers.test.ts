import { expect, test } from '@jest/globals';
import { Informers } from '../../../../src/kubernetes/informer/informers.ts';
import { until } from '../fake-api.ts';
import { reflecting } from './reflecting.ts';

test('is synced when all members are; names those that are not', async () => {
  await using it = await reflecting({ name: 'services' });
  await using late = await reflecting({ name: 'nodes', lists: [{ status: 503 }] });
  const informers = new Informers();
  informers.add(it.reflector);
  informers.add(late.reflector);
  await it.reflector.waitForSync(AbortSignal.timeout(5000));
  expect(informers.notSynced).toEqual(['nodes']);
  await late.failed(1);
  await until('services is up', () => it.reflector.healthy.up);
  expect(informers.health.map(({ name, up }) => [name, up])).toEqual([
    ['nodes', false],
    ['services', true],
  ]);
  late.lists[0] = { body: { kind: 'List', metadata: { resourceVersion: '1' }, items: [] } };
  await late.pause();
  await informers.waitForSync(AbortSignal.timeout(5000));
  expect(informers.notSynced).toEqual([]);
  await informers.stop();
  expect([it.clock.pending, late.clock.pending]).toEqual([0, 0]);
});

test("waiting for all ends with the signal's reason", async () => {
  await using it = await reflecting({ lists: [undefined] });
  const informers = new Informers();
  informers.add(it.reflector);
  const abort = new AbortController();
  const synced = informers.waitForSync(abort.signal);
  abort.abort(new Error('enough'));
  await expect(synced).rejects.toThrow('enough');
  await informers.stop();
});
