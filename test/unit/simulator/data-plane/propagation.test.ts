import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { Propagation } from '../../../../simulator/data-plane/propagation.ts';
import { seededRandom } from '../../../../simulator/state/random.ts';
import { start } from '../harness.ts';
import { PLAIN } from './backends.ts';

const ROW = { serverId: 'eni-1', serverIp: '10.0.0.1', port: 80 };

test('with no delay a change is there at once', () => {
  const heard: number[] = [];
  const propagation = new Propagation(new FakeClock(), Math.random, () => 0);
  propagation.send(() => heard.push(1));
  expect(heard).toEqual([1]);
});

test('changes come between the two bounds, in their order, whatever the jitter draws', async () => {
  const clock = new FakeClock();
  const draws = [0.9, 0.1, 0.5];
  const heard: [change: number, at: number][] = [];
  const propagation = new Propagation(
    clock,
    () => draws.shift() ?? 0,
    () => [1000, 2000],
  );
  for (const change of [1, 2, 3]) propagation.send(() => heard.push([change, clock.now()]));
  await clock.advance(5000);
  expect(heard).toEqual([
    [1, 1900],
    [2, 1900],
    [3, 1900],
  ]);
});

test('a change after one that waits does not overtake it, even where the delay is 0 by now', async () => {
  const clock = new FakeClock();
  let delay = 1000;
  const heard: number[] = [];
  const propagation = new Propagation(clock, Math.random, () => delay);
  propagation.send(() => heard.push(1));
  delay = 0;
  propagation.send(() => heard.push(2));
  expect(heard).toEqual([]);
  await clock.advance(1000);
  expect(heard).toEqual([1, 2]);
});

test('stopped, it brings nothing any more', async () => {
  const clock = new FakeClock();
  const heard: number[] = [];
  const propagation = new Propagation(clock, Math.random, () => 1000);
  propagation.send(() => heard.push(1));
  propagation.stop();
  await clock.advance(5000);
  expect(heard).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('one group stands behind listeners that hear of its changes at once, after 2 s and after 10 s', async () => {
  const clock = new FakeClock();
  const listeners = [0, 2000, 10_000].map(
    (propagationMs) => ({ ...PLAIN, protocol: 'tcp', group: 'rsp-0', propagationMs }) as const,
  );
  const simulator = await start({ listeners, clock });
  simulator.state.addRow('rsp-0', ROW);
  const beliefs = () => simulator.dataPlane.beliefs.since(0).map(({ listener }) => listener);
  const ids = simulator.dataPlane.listeners.map(({ id }) => id);
  expect(beliefs()).toEqual([ids[0]]);
  await clock.advance(2000);
  expect(beliefs()).toEqual([ids[0], ids[1]]);
  await clock.advance(8000);
  expect(beliefs()).toEqual(ids);
});

test('each machine hears of a change by itself, and what it believes since when is on record', async () => {
  const clock = new FakeClock();
  const random = seededRandom(4);
  const listener = { protocol: 'tcp', group: 'rsp-0', healthCheck: false } as const;
  const simulator = await start({ listeners: [listener], clock, seed: 3 });
  const changedAt = clock.wall();
  simulator.state.addRow('rsp-0', ROW);
  simulator.state.addRow('rsp-0', { ...ROW, weight: 0 });
  simulator.state.removeRow('rsp-0', ROW);
  await clock.advance(10_000);
  const delays = simulator.dataPlane.beliefs.since(0).map(({ machine, weight, at }) => ({
    machine,
    weight,
    ms: at - changedAt,
  }));
  const drawn = Array.from({ length: 6 }, () => random() * 10_000);
  const [first, second] = [0, 1].map((machine) => {
    let last = 0;
    return [0, 2, 4].map((n) => {
      last = Math.max(last, drawn[n + machine]!);
      return last;
    });
  });
  for (const [machine, expected] of [first!, second!].entries()) {
    const seen = delays.filter((one) => one.machine === machine + 1);
    expect(seen.map(({ weight }) => weight)).toEqual([100, 0, undefined]);
    for (const [i, { ms }] of seen.entries()) expect(ms).toBeCloseTo(expected[i]!, -1);
  }
});

test('what is no news to a machine is not on record', async () => {
  const simulator = await start({ listeners: [{ ...PLAIN, protocol: 'tcp', group: 'rsp-0' }] });
  simulator.state.addRow('rsp-0', ROW);
  simulator.state.addRow('rsp-0', { ...ROW, description: 'vsgb/default/shop/web' });
  simulator.state.deleteGroup('rsp-0');
  expect(simulator.dataPlane.beliefs.since(0).map(({ weight }) => weight)).toEqual([100, undefined]);
});
