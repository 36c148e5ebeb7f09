import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { KubeApi } from '../../lab/control-plane/api/kube-api.ts';
import { isReady, type Node } from '../../lab/control-plane/nodes.ts';

const ROOT = resolve(import.meta.dirname, '../..');

test('npm run cluster with --real-nodes: they are Ready, and DIR/kubeconfig works outside of their enclosure', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'cluster-test-'));
  const command = ['run', '-s', 'cluster', '--', '--dir', dir, '--real-nodes', '1'];
  const cluster = spawn('npm', command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    expect(String(await once(cluster.stdout, 'data'))).toBe('ready\n');
    await using api = await KubeApi.fromKubeconfig(join(dir, 'kubeconfig'));
    const nodes = await api.list<Node>('/api/v1/nodes');
    expect(nodes.map((node) => [node.metadata.name, isReady(node)])).toEqual([['real-1', true]]);
    cluster.kill('SIGTERM');
    await once(cluster, 'exit');
    await expect(api.list('/api/v1/nodes')).rejects.toThrow();
  } finally {
    cluster.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}, 120_000);
