import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { waitUntil } from '../../../../lab/time/wait-until.ts';
import type { ListenerOptions } from '../../../../simulator/data-plane/listener-options.ts';
import type { Timer } from '../../../../src/clock.ts';
import { exchange } from '../harness.ts';
import { httpBackend, TestClient, tcpBackend, withListener } from './backends.ts';

const SYN_TIMEOUT_MS = 5000;

/** The timeout of the first connection to a backend expires before the backend can answer. */
class TooLate extends FakeClock {
  #late = true;

  override setTimeout(callback: () => void, ms: number): Timer {
    if (ms !== SYN_TIMEOUT_MS || !this.#late) return super.setTimeout(callback, ms);
    this.#late = false;
    queueMicrotask(callback);
    return { cancel: () => {} };
  }
}

async function outcome(protocol: 'tcp' | 'http', options: Partial<ListenerOptions>) {
  const backend = protocol === 'tcp' ? tcpBackend : httpBackend;
  const rows = [(await backend('a')).row, (await backend('b')).row];
  const simulator = await withListener({ protocol, ...options }, rows, { clock: new TooLate() });
  const { port } = simulator.dataPlane.listeners[0]!;
  let answer: string | number;
  if (protocol === 'http') {
    const { status, text } = await exchange(`http://127.0.0.1:${port}`);
    answer = status === 200 ? text : status;
  } else {
    const client = new TestClient(port);
    await waitUntil('an answer', () => client.received !== '' || client.end !== 'open');
    answer = client.received.trim() || client.end;
  }
  const failures = simulator.dataPlane.failures.since(0);
  expect(failures).toMatchObject([{ cause: 'timeout', row: { serverId: 'eni-a' } }]);
  return { answer, retried: failures[0]!.retried };
}

test('a backend that does not answer the handshake: TCP is reset, or goes to the next row where that is asked for', async () => {
  expect(await outcome('tcp', {})).toEqual({ answer: 'ECONNRESET', retried: false });
  expect(await outcome('tcp', { afterSynTimeout: 'next' })).toEqual({ answer: 'b', retried: true });
});

test('a backend that does not answer the handshake: HTTP goes to the next row, or is 504 where that is asked for', async () => {
  expect(await outcome('http', {})).toEqual({ answer: 'b', retried: true });
  expect(await outcome('http', { afterSynTimeout: 'error' })).toEqual({ answer: 504, retried: false });
});
