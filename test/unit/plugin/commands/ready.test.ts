import { beforeEach, expect, test } from '@jest/globals';
import { GATED } from '../../../../lab/environment/workloads.ts';
import { READINESS_GATE } from '../../../../src/api/names.ts';
import { KubeApiError } from '../../../../src/kubernetes/client/api-error.ts';
import type { KubeTransport, RequestOptions } from '../../../../src/kubernetes/client/transport-types.ts';
import { ready } from '../../../../src/plugin/commands/ready.ts';
import { runCommand } from '../plugin-call.ts';

interface Pod {
  metadata: {
    namespace: string;
    name: string;
    uid: string;
    resourceVersion: string;
    deletionTimestamp?: string;
  };
  spec: object;
  status: { phase?: string; conditions: { type: string; status: string; reason?: string }[] };
}

const UP = { type: 'ContainersReady', status: 'True' };

const pods = new Map<string, Pod>();
const patches: { path: string; options: RequestOptions | undefined }[] = [];
let refuse: KubeApiError | undefined;

beforeEach(() => {
  pods.clear();
  patches.length = 0;
  refuse = undefined;
});

function pod(name: string, change: Partial<Pod> = {}, metadata: Partial<Pod['metadata']> = {}): void {
  pods.set(`/api/v1/namespaces/shop/pods/${name}`, {
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '1', ...metadata },
    spec: GATED,
    status: { phase: 'Running', conditions: [UP] },
    ...change,
  });
}

const refusal = (status: number, message: string) =>
  new KubeApiError({ method: 'GET', path: '/pods' }, status, { reason: '', message, causes: [] });

const transport = {
  async request(method: string, path: string, options?: RequestOptions) {
    if (method === 'GET') {
      const found = pods.get(path);
      if (found === undefined) throw refusal(404, 'not found');
      return found;
    }
    if (refuse !== undefined) throw refuse;
    patches.push({ path, options });
    return { metadata: { resourceVersion: '2' } };
  },
} as unknown as KubeTransport;

async function readyOf(...words: readonly string[]) {
  const { code, written } = runCommand(ready, words, { transport });
  return { code: await code, ...written };
}

test('the gate of a pod that waits is opened, and nothing else of it is written', async () => {
  pod('web-0');
  const { code, stdout, stderr } = await readyOf('web-0');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/shop +web-0 +opened +-\n$/);
  expect(patches).toMatchObject([
    {
      path: '/api/v1/namespaces/shop/pods/web-0/status',
      options: {
        contentType: 'application/strategic-merge-patch+json',
        query: { fieldManager: 'kubectl-vsgb' },
        body: {
          metadata: { uid: 'uid-web-0' },
          status: {
            conditions: [
              { type: READINESS_GATE, status: 'True', reason: 'ByHand', message: expect.any(String) },
            ],
          },
        },
      },
    },
  ]);
  expect(Object.keys(patches[0]?.options?.body as object)).toEqual(['metadata', 'status']);
});

test('pods are taken as `kubectl get -o name` writes them, each once', async () => {
  pod('web-0');
  pod('web-1');
  expect(await readyOf('pod/web-0', 'web-1', 'web-0')).toMatchObject({ code: 0, stderr: '' });
  expect(patches.map(({ path }) => path.split('/').at(-2))).toEqual(['web-0', 'web-1']);
});

test('a gate that is open is left as it is', async () => {
  pod('web-0', {
    status: { conditions: [UP, { type: READINESS_GATE, status: 'True', reason: 'Registered' }] },
  });
  expect(await readyOf('web-0', '-o', 'json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"gate": "was open"'),
  });
  expect(patches).toEqual([]);
});

test('a closed one is opened', async () => {
  pod('web-0', {
    status: { conditions: [UP, { type: READINESS_GATE, status: 'False', reason: 'QuotaExceeded' }] },
  });
  expect(await readyOf('web-0')).toMatchObject({ code: 0 });
  expect(patches).toHaveLength(1);
});

test('what else a pod waits for is told', async () => {
  pod('web-0', { status: { conditions: [{ type: 'ContainersReady', status: 'False' }] } });
  expect((await readyOf('web-0')).stdout).toMatch(/web-0 +opened +its containers, or other gates\n$/);
});

test.each<[string, () => void, RegExp]>([
  [
    'that there is not',
    () => {},
    /there is no pod web-0 in namespace shop; kubectl get pods -n shop lists them/,
  ],
  ['without the gate', () => pod('web-0', { spec: {} }), /pod web-0 has no readiness gate slb\.alibabacloud/],
  [
    'that terminates',
    () => pod('web-0', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    /pod web-0 is terminating: its gate stays as it is/,
  ],
  [
    'that has ended',
    () => pod('web-0', { status: { phase: 'Succeeded', conditions: [] } }),
    /pod web-0 is terminating/,
  ],
  [
    'that may not be written to',
    () => {
      pod('web-0');
      refuse = refusal(403, 'pods "web-0" is forbidden');
    },
    /forbidden/,
  ],
  [
    'that another one has followed',
    () => {
      pod('web-0');
      refuse = refusal(422, 'metadata.uid: Invalid value: field is immutable');
    },
    /pod web-0 in namespace shop is gone/,
  ],
])('a pod %s: exit 2 and one sentence; the others are opened', async (_, happen, sentence) => {
  happen();
  const alone = await readyOf('web-0');
  expect(alone.code).toBe(2);
  expect(alone.stderr).toMatch(sentence);
  expect(alone.stderr).toMatch(/^error: .*\n$/);
  expect(patches).toEqual([]);
  refuse = undefined;
  pods.delete('/api/v1/namespaces/shop/pods/web-0');
  pod('web-1');
  expect(await readyOf('web-0', 'web-1')).toMatchObject({
    code: 2,
    stdout: expect.stringMatching(/web-1 +opened/),
  });
});
