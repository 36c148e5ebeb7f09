import { expect, test } from '@jest/globals';
import { FakeClock, settle } from '../../../../lab/time/fake-clock.ts';
import type { Credentials, CredentialsSource } from '../../../../src/alibaba/credentials/credentials.ts';
import { refused } from '../../../../src/alibaba/errors/errors.ts';
import { type ReadRetryOptions, resending, retrying } from '../../../../src/alibaba/rpc/retry.ts';
import type { Rpc } from '../../../../src/alibaba/rpc/rpc.ts';
import { createRateLimiter } from '../../../../src/alibaba/throttle.ts';
import type { ApiError } from '../../../../src/cloud/api-error.ts';
import { WithdrawnError } from '../../../../src/cloud/server-groups.ts';
import { failure, fixedCredentials, KEY } from './local-api.ts';

function fault(code: string, retryAfterMs?: number): ApiError {
  return refused('Act', undefined, { code, text: 'x', httpStatus: 400, retryAfterMs });
}

/** Fails with these errors, one per call, then succeeds. */
function failing(...errors: Error[]) {
  const queue = [...errors];
  const state = { calls: 0 };
  const rpc: Rpc = async () => {
    state.calls += 1;
    const error = queue.shift();
    if (error !== undefined) throw error;
    return { RequestId: 'R' };
  };
  return { rpc, state };
}

function reading(rpc: Rpc, options: ReadRetryOptions = {}) {
  const clock = new FakeClock();
  const limiter = createRateLimiter({ clock, qps: 10, burst: 10 });
  return { clock, limiter, read: retrying(rpc, limiter, clock, { random: () => 0, ...options }) };
}

test('a read is repeated after 100 ms, 200 ms, … until it succeeds', async () => {
  const { rpc, state } = failing(fault('SystemBusy'), fault('ServiceUnavailable'));
  const { clock, read } = reading(rpc);
  const reply = read('Act', {});
  await clock.advance(99);
  expect(state.calls).toBe(1);
  await clock.advance(1);
  expect(state.calls).toBe(2);
  await clock.advance(199);
  expect(state.calls).toBe(2);
  await clock.advance(1);
  expect(await reply).toEqual({ RequestId: 'R' });
});

test('the wait is jittered', async () => {
  const { rpc, state } = failing(fault('SystemBusy'));
  const { clock, read } = reading(rpc, { random: () => 0.999 });
  const reply = read('Act', {});
  await clock.advance(51);
  expect(state.calls).toBe(2);
  await reply;
});

test('a time that the API names is waited for', async () => {
  const { rpc, state } = failing(fault('Throttling', 3_000));
  const { clock, read } = reading(rpc);
  const reply = read('Act', {});
  await clock.advance(2_999);
  expect(state.calls).toBe(1);
  await clock.advance(1);
  await reply;
});

test('attempts are counted and the last error is told', async () => {
  const { rpc, state } = failing(...Array(9).fill(fault('SystemBusy')));
  const { clock, read } = reading(rpc, { attempts: 3 });
  const error = failure(read('Act', {}));
  await clock.advance(60_000);
  expect(await error).toMatchObject({ code: 'SystemBusy' });
  expect(state.calls).toBe(3);
});

test('a wait that would end too late is not begun', async () => {
  const { rpc, state } = failing(fault('Throttling', 5_000));
  const { read } = reading(rpc, { maxElapsedMs: 4_000 });
  expect(await failure(read('Act', {}))).toMatchObject({ code: 'Throttling' });
  expect(state.calls).toBe(1);
});

test.each(['Forbidden.RAM', 'LbStatusNotSupport', 'MissingParameter', 'OverQuota', 'ObtainIpFail'])(
  '%s is not repeated',
  async (code) => {
    const { rpc, state } = failing(fault(code));
    const { read } = reading(rpc);
    expect(await failure(read('Act', {}))).toMatchObject({ code });
    expect(state.calls).toBe(1);
  },
);

test('an abort ends the wait at once', async () => {
  const { rpc, state } = failing(fault('SystemBusy'));
  const { clock, read } = reading(rpc);
  const controller = new AbortController();
  const error = failure(read('Act', {}, { signal: controller.signal }));
  await settle();
  controller.abort(new Error('stop'));
  expect(await error).toMatchObject({ message: 'stop' });
  expect(clock.pending).toBe(0);
  expect(state.calls).toBe(1);
});

test('each attempt takes a token', async () => {
  const { rpc } = failing(fault('SystemBusy'), fault('SystemBusy'));
  const { clock, limiter, read } = reading(rpc);
  const reply = read('Act', {});
  await clock.advance(0);
  expect(limiter.tokens).toBe(9);
  await clock.advance(400);
  await reply;
  expect(limiter.tokens).toBe(10 - 3 + 3);
});

function rotating(next?: Credentials) {
  let current = KEY;
  const refreshes: string[] = [];
  const source: CredentialsSource = {
    ...fixedCredentials(),
    get: async () => current,
    refresh: async (reason) => {
      refreshes.push(reason);
      if (next !== undefined) current = next;
    },
  };
  return { source, refreshes };
}

const NEW_KEY = { ...KEY, securityToken: 'another-token' };

test('expired credentials are renewed and the call sent once more', async () => {
  const { rpc, state } = failing(fault('InvalidSecurityToken.Expired'));
  const { source, refreshes } = rotating(NEW_KEY);
  expect(await resending(rpc, source)('Act', {})).toEqual({ RequestId: 'R' });
  expect(state.calls).toBe(2);
  expect(refreshes).toEqual(['InvalidSecurityToken.Expired']);
});

test('it is sent only once more', async () => {
  const { rpc, state } = failing(...Array(5).fill(fault('InvalidSecurityToken.Expired')));
  const { source } = rotating(NEW_KEY);
  expect(await failure(resending(rpc, source)('Act', {}))).toMatchObject({ kind: 'credentials' });
  expect(state.calls).toBe(2);
});

test('with the same credentials again there is no second call', async () => {
  const { rpc, state } = failing(fault('InvalidAccessKeyId.NotFound'));
  const { source, refreshes } = rotating();
  expect(await failure(resending(rpc, source)('Act', {}))).toMatchObject({ kind: 'credentials' });
  expect(state.calls).toBe(1);
  expect(refreshes).toHaveLength(1);
});

test('a nonce used twice is sent again at once with a new one', async () => {
  const { rpc, state } = failing(fault('SignatureNonceUsed'));
  await resending(rpc, fixedCredentials())('Act', {});
  expect(state.calls).toBe(2);
});

test('if it may not be sent again, its outcome is still unknown', async () => {
  const { rpc } = failing(fault('SignatureNonceUsed'), new WithdrawnError('boom'));
  expect(await failure(resending(rpc, fixedCredentials())('Act', {}))).toMatchObject({ outcome: 'unknown' });
});

test.each(['VServerGroupProcessing', 'Throttling', 'InternalError', 'ServiceUnavailable', 'ObtainIpFail'])(
  'a write refused with %s is not repeated here',
  async (code) => {
    const { rpc, state } = failing(fault(code));
    expect(await failure(resending(rpc, fixedCredentials())('Act', {}))).toMatchObject({ code });
    expect(state.calls).toBe(1);
  },
);
