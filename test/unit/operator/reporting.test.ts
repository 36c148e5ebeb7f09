import { expect, test } from '@jest/globals';
import { parseStatus } from '../../../src/api/status.ts';
import { NODE_NOT_READY } from '../../../src/controller/binding/records.ts';
import type { StatusWriter } from '../../../src/kubernetes/write/status-writer.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { createStatusSink } from '../../../src/operator/reporting.ts';

const WEB = { namespace: 'shop', name: 'web', uid: 'uid-web' };

function status(reason: string, message?: string) {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const row = { serverId: 'i-1', port: 80, type: 'ecs', weight: 100, state: 'Registered', node: 'node-1' };
  return parseStatus({
    conditions: [{ type: 'Ready', status: 'False', reason, message: '', lastTransitionTime }],
    backends: [{ ...row, ...(message !== undefined && { message }) }],
  });
}

test('backends that stay although their nodes are not Ready show, whatever the condition tells first', async () => {
  const nothing = { controllers: [], resources: [], actions: [], backendStates: [] };
  const metrics = createMetrics({ version: '1', ...nothing });
  const sink = createStatusSink({ write: () => {} } as unknown as StatusWriter, metrics);
  const shown = async () => (await metrics.groups.nodesNotReady.get()).values;
  sink.write(WEB, status('BackendsRefused', NODE_NOT_READY), 'normal');
  expect(await shown()).toMatchObject([{ value: 1 }]);
  sink.writeConditions(WEB, status('InvalidSpec'));
  expect(await shown()).toMatchObject([{ value: 1 }]);
  sink.write(WEB, status('BackendsRefused'), 'normal');
  expect(await shown()).toMatchObject([{ value: 0 }]);
});
