import type { ServerResponse } from 'node:http';
import { preciseNow } from './gateway/call.ts';
import type { Journal } from './journal.ts';
import type { SimulatorState } from './state/state.ts';

/** Server-sent events: `call` for each journal entry and `change` for each change of a group, until the client leaves. */
export function sendEvents(response: ServerResponse, state: SimulatorState, journal: Journal): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': connected\n\n');
  const send = (event: string, data: unknown): void => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const stops = [
    journal.onEntry((entry) => send('call', entry)),
    state.onChange((change) => send('change', { ...change, time: preciseNow() })),
  ];
  response.on('close', () => {
    for (const stop of stops) stop();
  });
}
