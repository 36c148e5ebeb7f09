import { expect, test } from '@jest/globals';
import { TrafficMeter } from '../../../../simulator/traffic.ts';
import { exchange } from '../harness.ts';
import { deadRow, HOST, httpBackend, withListener } from './backends.ts';

async function withTraffic() {
  const rows = [(await httpBackend('a')).row, await deadRow('x')];
  const simulator = await withListener({ protocol: 'http' }, rows);
  const url = `http://127.0.0.1:${simulator.dataPlane.listeners[0]!.port}`;
  const meter = new TrafficMeter(simulator.dataPlane);
  for (let i = 0; i < 4; i++) await exchange(url);
  return { simulator, url, meter };
}

test('listeners, failures and beliefs are told to other processes', async () => {
  const { simulator } = await withTraffic();
  simulator.state.addRow('rsp-0', { serverId: 'eni-x', serverIp: HOST, port: 1, weight: 7 });
  const read = async (path: string) => (await exchange(simulator.url, { path })).json;
  const [listener] = simulator.dataPlane.listeners;
  expect(await read('/_listeners')).toMatchObject({
    listeners: [
      {
        id: listener!.id,
        protocol: 'http',
        port: listener!.port,
        group: 'rsp-0',
        running: true,
        address: { host: '127.0.0.1', port: listener!.port },
        counts: { connections: 4, requests: 4, failures: { refused: 2 } },
        rows: [
          { row: { serverId: 'eni-a' }, health: 'normal', counts: { requests: 2 } },
          { row: { serverId: 'eni-x' }, counts: { requests: 0, failures: { refused: 2 } } },
          { row: { serverId: 'eni-x', port: 1 } },
        ],
      },
    ],
  });
  expect((await read('/_failures')).failures).toMatchObject([{ seq: 1 }, { seq: 2, cause: 'refused' }]);
  expect((await read('/_failures?since=1')).failures).toMatchObject([{ seq: 2 }]);
  expect((await read('/_beliefs')).beliefs).toMatchObject([
    { seq: 1, machine: 1, weight: 7, row: { port: 1 } },
  ]);
});

test('traffic is told per group and row, and nothing of what stands still', async () => {
  const { meter } = await withTraffic();
  const { groups, rows } = meter.read();
  expect(groups).toMatchObject([{ group: 'rsp-0' }]);
  expect(groups[0]!.perSecond / groups[0]!.failedPerSecond).toBeCloseTo(2);
  expect(
    rows.map(({ serverId, perSecond, failedPerSecond }) => [serverId, perSecond > 0, failedPerSecond > 0]),
  ).toEqual([
    ['eni-a', true, false],
    ['eni-x', false, true],
  ]);
  expect(meter.read()).toEqual({ groups: [], rows: [] });
});

test('whoever listens to events hears of traffic each second, and once that it is over', async () => {
  const { simulator, url } = await withTraffic();
  const response = await fetch(`${simulator.url}/_events`);
  const seen: { groups: object[] }[] = [];
  const reading = (async () => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const events = [...text.matchAll(/event: traffic\ndata: (.+)\n\n/g)];
      seen.splice(0, seen.length, ...events.map(([, data]) => JSON.parse(data!)));
      if (seen.length === 2) return;
    }
  })();
  await exchange(url);
  await reading;
  expect(seen).toMatchObject([{ groups: [{ group: 'rsp-0' }] }, { groups: [], rows: [] }]);
});
