import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { listedResources } from '../../../src/controller/cluster/resources.ts';
import { createTransport } from '../../../src/kubernetes/client/transport.ts';
import { persistently } from '../../../src/operator/persistently.ts';
import { FakeApi, status, until } from '../kubernetes/fake-api.ts';

async function starting() {
  const api = await FakeApi.start();
  const clock = new FakeClock();
  const transport = createTransport(api.kubeConfig(), { clock });
  const abort = new AbortController();
  const warnings: string[] = [];
  const logger = { warn: (message: string) => void warnings.push(message) };
  const config = { bindingSelector: undefined, endpointsSource: 'auto' } as const;
  const resources = persistently('Not read', { clock, signal: abort.signal, logger }, () =>
    listedResources(config, transport, abort.signal),
  );
  resources.catch(() => {});
  return {
    ...{ api, clock, abort, warnings, resources },
    async [Symbol.asyncDispose]() {
      await transport.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

test('an API server that is away at the start is asked for EndpointSlices until it answers', async () => {
  await using it = await starting();
  it.api.answer = () => ({ status: 503, body: status(503, 'ServiceUnavailable') });
  await until('two refusals', async () => {
    await it.clock.advance(1_000);
    return it.warnings.length >= 2;
  });
  expect(it.warnings[0]).toBe('Not read; retrying');
  it.api.answer = () => ({ status: 404 });
  const refusals = it.api.seen.length;
  await until('an answer', async () => {
    await it.clock.advance(1_000);
    return it.api.seen.length > refusals;
  });
  expect((await it.resources).endpoints.path()).toBe('/api/v1/endpoints');
});

test('it ends with the signal, also while the API server keeps it waiting', async () => {
  await using it = await starting();
  it.api.answer = () => undefined;
  await until('the question', () => it.api.seen.length === 1);
  it.abort.abort(new Error('stopping'));
  await expect(it.resources).rejects.toThrow('stopping');
  expect(it.warnings).toEqual([]);
});
