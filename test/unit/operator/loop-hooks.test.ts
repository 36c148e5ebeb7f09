import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import type { GatedPodObject } from '../../../src/kubernetes/objects/objects.ts';
import { TIMED_OUT } from '../../../src/membership/readiness/gate.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { createLoopHooks } from '../../../src/operator/loop-hooks.ts';

test('the line of a gate that opens after its time says what was waited for', () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const hooks = createLoopHooks(
    createMetrics({ version: '1', controllers: [], resources: [], actions: [], backendStates: [] }),
    createLogger({ level: 'info', format: 'json', stream }),
  );
  const pod = { namespace: 'shop', name: 'web-1' } as GatedPodObject;
  hooks.onGateWritten(pod, { open: true, reason: TIMED_OUT, message: 'its ENI is not found' });
  expect(JSON.parse(lines.join())).toMatchObject({
    level: 'warn',
    message: 'Readiness gate opened',
    pod: 'shop/web-1',
    reason: TIMED_OUT,
    waitedFor: 'its ENI is not found',
  });
});
