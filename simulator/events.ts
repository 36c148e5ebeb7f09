import type { ServerResponse } from 'node:http';
import type { DataPlane } from './data-plane/data-plane.ts';
import { preciseNow } from './gateway/call.ts';
import type { Journal } from './journal.ts';
import type { SimulatorState } from './state/state.ts';
import { TrafficMeter } from './traffic.ts';

export interface EventSources {
  readonly state: SimulatorState;
  readonly journal: Journal;
  readonly dataPlane: DataPlane;
}

const TRAFFIC_MS = 1000;

/**
 * Sends server-sent events until the client leaves: `call` for each journal entry, `change` for each change of a group or listener, and
 * `traffic` every second while there is traffic and once after it has stopped.
 */
export function sendEvents(response: ServerResponse, { state, journal, dataPlane }: EventSources): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': connected\n\n');
  const send = (event: string, data: unknown): void => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const meter = new TrafficMeter(dataPlane);
  let quiet = true;
  const timer = setInterval(() => {
    const traffic = meter.read();
    const silent = traffic.groups.length === 0 && traffic.rows.length === 0;
    if (!silent || !quiet) send('traffic', traffic);
    quiet = silent;
  }, TRAFFIC_MS);
  const stops = [
    () => clearInterval(timer),
    journal.onEntry((entry) => send('call', entry)),
    state.onChange((change) => send('change', { ...change, time: preciseNow() })),
  ];
  response.on('close', () => {
    for (const stop of stops) stop();
  });
}
