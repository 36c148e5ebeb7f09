import { beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '../../lab/time/fake-clock.ts';
import { WallTimes } from '../../src/clock.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;

let clock: FakeClock;
let times: WallTimes;

beforeEach(() => {
  clock = new FakeClock(1_000.123, NOON + 0.5);
  times = new WallTimes(clock);
});

test('a time that was written down is read, and written down again as it was', async () => {
  expect(times.read(NOON - 5_000)).toBeCloseTo(-4_000, -1);
  await clock.advance(0.7);
  expect(times.written(times.read(NOON - 5_000))).toBe(NOON - 5_000);
});

test.each([HOUR, -HOUR])(
  'when the clock is set by %d ms, what is written down moves with it',
  async (jump) => {
    const before = times.written(clock.now());
    const at = clock.now();
    await clock.advance(60_000);
    clock.jump(jump);
    expect(times.written(at)).toBe(before + jump);
    expect(times.wall() - times.written(at)).toBeCloseTo(60_000, -1);
  },
);

test('when the clock is corrected by less than a second, what is written down stays', () => {
  const before = times.written(500);
  clock.jump(900);
  expect(times.written(500)).toBe(before);
  clock.jump(200);
  expect(times.written(500)).toBe(before + 1_100);
});

test('a time in the future is read as now', () => {
  expect(times.read(NOON + HOUR)).toBe(clock.now());
});
