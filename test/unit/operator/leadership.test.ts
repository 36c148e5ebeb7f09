import { expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { readCommand } from '../../../src/config.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { createLeadership } from '../../../src/operator/leadership.ts';

test('who was told to stop before does not wait for leadership', async () => {
  const command = readCommand(
    ['--region', 'cn-hangzhou', '--leader-elect', '--leader-elect-namespace', 'operator'],
    {},
  );
  if (command.action !== 'run') throw new Error('no configuration');
  const leadership = createLeadership({
    config: command.config,
    namespace: 'operator',
    transport: {
      request: () => new Promise(() => {}),
      watch: () => {
        throw new Error('nothing is watched');
      },
      close: async () => {},
    },
    clock: new FakeClock(),
    metrics: createMetrics({ version: '1', controllers: [], resources: [], actions: [], backendStates: [] }),
    logger: { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} },
  });
  await expect(leadership.won(AbortSignal.abort(new Error('stopping')))).rejects.toThrow('stopping');
});
