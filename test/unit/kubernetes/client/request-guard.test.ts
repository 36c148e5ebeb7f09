import { beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import { RequestGuard } from '../../../../src/kubernetes/client/request-guard.ts';

const USER = { username: 'alice', uid: 'u1', groups: ['ops'], extra: { scopes: ['a'] } };

let clock: FakeClock;
let asked: { path: string; spec: Record<string, unknown> }[];
let answer: (kind: string) => unknown;
let guard: RequestGuard;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  answer = (kind) => (kind === 'TokenReview' ? { authenticated: true, user: USER } : { allowed: true });
  const request = async (_: string, path: string, { body }: { body?: unknown } = {}) => {
    const { kind, spec } = body as { kind: string; spec: Record<string, unknown> };
    asked.push({ path, spec });
    return { status: await answer(kind) };
  };
  guard = new RequestGuard({ transport: { request } as never, clock, verb: 'get', path: '/metrics' });
});

test('asks who shows the token, and whether they may', async () => {
  expect(await guard.check('token-1')).toBe('allowed');
  expect(asked).toEqual([
    { path: '/apis/authentication.k8s.io/v1/tokenreviews', spec: { token: 'token-1' } },
    {
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      spec: {
        user: 'alice',
        uid: 'u1',
        groups: ['ops'],
        extra: { scopes: ['a'] },
        nonResourceAttributes: { verb: 'get', path: '/metrics' },
      },
    },
  ]);
});

test.each([
  ['a token that nobody has', { authenticated: false }],
  ['an answer without an answer', {}],
  ['words for an answer', { authenticated: 'true' }],
])('%s: unauthenticated, and no more is asked', async (_, status) => {
  answer = () => status;
  expect(await guard.check('token')).toBe('unauthenticated');
  expect(asked).toHaveLength(1);
});

test.each([{ allowed: false }, {}, { allowed: 'true' }])('%j is no right', async (status) => {
  answer = (kind) => (kind === 'TokenReview' ? { authenticated: true, user: USER } : status);
  expect(await guard.check('token')).toBe('forbidden');
});

test('an answer counts for a minute, and all who show the token meanwhile share it', async () => {
  await Promise.all([guard.check('token'), guard.check('token')]);
  await clock.advance(59_999);
  await guard.check('token');
  expect(asked).toHaveLength(2);
  await clock.advance(1);
  answer = () => ({ authenticated: false });
  expect(await guard.check('token')).toBe('unauthenticated');
});

test('without an answer nobody passes, and it is asked again', async () => {
  answer = () => {
    throw new KubeApiError({ method: 'POST', path: '/x' }, 403, { reason: '', message: '', causes: [] });
  };
  await expect(guard.check('token')).rejects.toBeInstanceOf(KubeApiError);
  answer = (kind) => (kind === 'TokenReview' ? { authenticated: true, user: USER } : { allowed: true });
  expect(await guard.check('token')).toBe('allowed');
});

test('a flood of tokens takes eight calls at a time, and no memory', async () => {
  const gate = Promise.withResolvers<void>();
  answer = async () => {
    await gate.promise;
    return { authenticated: false };
  };
  const verdicts = Promise.allSettled(Array.from({ length: 1_000 }, (_, i) => guard.check(`token-${i}`)));
  expect(asked).toHaveLength(8);
  gate.resolve();
  const refused = (await verdicts).filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(992);
  expect(await guard.check('token-999')).toBe('unauthenticated');
});
