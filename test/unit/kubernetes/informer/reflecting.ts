import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { asObject } from '../../../../src/json.ts';
import { createTransport } from '../../../../src/kubernetes/client/transport.ts';
import { Reflector, type ReflectorOptions } from '../../../../src/kubernetes/informer/reflector.ts';
import { Store } from '../../../../src/kubernetes/informer/store.ts';
import { keyOf, resourceVersionOf } from '../../../../src/kubernetes/objects/metadata.ts';
import { type Answer, FakeApi, pod, podList, type Seen, status, until } from '../fake-api.ts';

export interface Thing {
  readonly key: string;
  readonly resourceVersion: string;
}

export function transformThing(object: unknown): Thing | undefined {
  const { annotations } = asObject(asObject(object)['metadata']);
  if (asObject(annotations)['refuse'] === 'yes') throw new Error('refused');
  if (asObject(annotations)['drop'] === 'yes') return undefined;
  return { key: keyOf(object) ?? '', resourceVersion: resourceVersionOf(object) };
}

/**
 * A reflector of pods against a local server, on a clock that stands still. List requests are answered from `lists`, in order; the
 * last list is repeated.
 */
export async function reflecting(
  options: Partial<ReflectorOptions<Thing>> & { lists?: (Answer | undefined)[] } = {},
) {
  const api = await FakeApi.start();
  const clock = (options.clock as FakeClock | undefined) ?? new FakeClock();
  const transport = createTransport(api.kubeConfig(), { clock });
  const store = new Store<Thing>();
  const changes: string[] = [];
  store.onChange(({ type, old, new: now }) =>
    changes.push(`${type} ${(now ?? old)?.key.replace('shop/', '')}`),
  );
  const failures: { error: Error & { code?: string; status?: number }; during: string; retryInMs: number }[] =
    [];
  const hooked: string[] = [];
  const reflector = new Reflector<Thing>({
    name: 'pods',
    transport,
    path: '/api/v1/pods',
    transform: transformThing,
    store,
    clock,
    random: () => 0.5,
    hooks: {
      failed: (_name, failure) => failures.push(failure as (typeof failures)[number]),
      refused: (_name, { key }) => hooked.push(`refused ${key}`),
      doubted: (_name, { stored, removals }) => hooked.push(`doubted ${removals}/${stored}`),
      listed: (_name, { items, resourceVersion }) =>
        hooked.push(`listed ${items} at ${resourceVersion || 'newest'}`),
      event: (_name, type) => hooked.push(type),
    },
    ...options,
  });
  const lists = options.lists ?? [{ body: podList([pod('a', '1'), pod('b', '2')], '10') }];
  api.answer = (): Answer | undefined => (lists.length > 1 ? lists.shift() : lists[0]);
  const abort = new AbortController();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    abort.abort(new Error('stopped'));
    await stopped;
  };
  return {
    api,
    clock,
    store,
    reflector,
    changes,
    failures,
    hooked,
    lists,
    stop,
    start: () => {
      stopped = reflector.start(abort.signal);
    },
    names: () => store.list().map(({ key }) => key.replace('shop/', '')),
    askedAt: () => api.lists.map(({ query }: Seen) => query.get('resourceVersion')),
    watch: (index: number) => api.watch(index),
    /** The server forgets the version: the newest list is read, at once if the last such event was at least 30 s ago. */
    expire: async () => {
      const watch = await api.watch(api.watches.length - 1);
      watch.send('ERROR', status(410, 'Expired', 'too old resource version'));
    },
    /** Does the same, and waits until a watch continues from that list. */
    relist: async () => {
      const watches = api.watches.length;
      (await api.watch(watches - 1)).send('ERROR', status(410, 'Expired', 'too old resource version'));
      await api.watch(watches);
    },
    failed: (count: number) =>
      until(`failure ${count}`, () => failures.length >= count && failures[count - 1]),
    listed: (count: number) =>
      until(`list ${count}`, () => api.lists.length >= count && api.lists[count - 1]),
    /** Skips the pause after the last failure. */
    pause: async () => clock.advance(failures.at(-1)?.retryInMs ?? 0),
    [Symbol.asyncDispose]: async () => {
      await stop();
      await transport.close();
      await api[Symbol.asyncDispose]();
    },
  };
}
