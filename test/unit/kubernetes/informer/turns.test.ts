import { expect, test } from '@jest/globals';
import { Turns } from '../../../../src/kubernetes/informer/turns.ts';

test('no more than so many at once, in the order in which they asked; who fails gives way to the next', async () => {
  const turns = new Turns(2);
  const begun: string[] = [];
  const work = (name: string) => {
    const end = Promise.withResolvers<string>();
    const taken = turns.take(() => {
      begun.push(name);
      return end.promise;
    });
    return { end, taken };
  };
  const [a, b, c, d] = [work('a'), work('b'), work('c'), work('d')];
  expect(begun).toEqual(['a', 'b']);
  b.end.reject(new Error('refused'));
  await expect(b.taken).rejects.toThrow('refused');
  expect(begun).toEqual(['a', 'b', 'c']);
  c.end.resolve('done');
  expect(await c.taken).toBe('done');
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  a.end.resolve('');
  d.end.resolve('');
  await Promise.all([a.taken, d.taken]);
  const [e, f, g] = [work('e'), work('f'), work('g')];
  expect(begun.slice(4)).toEqual(['e', 'f']);
  for (const { end } of [e, f, g]) end.resolve('');
  await g.taken;
});
