import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CONSOLE_PATHS } from '../../../../simulator/console.ts';
import { exchange, start } from '../harness.ts';

test('the page and each of its files come with their type and a policy that allows nothing else', async () => {
  const simulator = await start();
  const types: Record<string, string> = {
    html: 'text/html; charset=utf-8',
    css: 'text/css; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    svg: 'image/svg+xml',
  };
  for (const [path, name] of CONSOLE_PATHS) {
    const { status, headers, text } = await exchange(simulator.url, { path });
    expect([path, status, headers['content-type']]).toEqual([path, 200, types[name.split('.')[1]!]]);
    expect(text.length).toBeGreaterThan(0);
    expect(headers['x-content-type-options']).toBe('nosniff');
    const policy = headers['content-security-policy'];
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(policy).not.toMatch(/unsafe|http|\*/);
  }
});

test('every file of the folder is served, and the page names no other place', async () => {
  const folder = join(import.meta.dirname, '../../../../simulator/console');
  expect(new Set(CONSOLE_PATHS.values())).toEqual(new Set(readdirSync(folder)));
  const simulator = await start();
  const { text } = await exchange(simulator.url, { path: '/console?own=k8s/' });
  expect(text).not.toMatch(/https?:|style=|<script>|\son\w+=/);
});

test.each([
  '/console/../main.ts',
  '/console/../../../package.json',
  '/console/%2e%2e/main.ts',
  '/console/..%2fmain.ts',
  '/console/%2fetc%2fpasswd',
  '/console//etc/passwd',
  '/console/constructor',
  '/console/__proto__',
])('a path out of the list does not reach a file: %s', async (path) => {
  const simulator = await start();
  const { status, text, headers } = await exchange(simulator.url, { path });
  expect([path, [400, 404].includes(status), headers['content-type']]).toEqual([
    path,
    true,
    expect.any(String),
  ]);
  expect(text).not.toMatch(/import |root:|vservergroup-operator/);
});

test('the console is not for a web page that has its own name lead here', async () => {
  const simulator = await start();
  const under = async (host: string) =>
    (await exchange(simulator.url, { path: '/console', headers: { host } })).status;
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example']) {
    expect([host, await under(host)]).toEqual([host, 403]);
  }
  for (const host of ['localhost:80', 'slb:80', 'slb', '10.0.0.1', '[::1]:80']) {
    expect([host, await under(host)]).toEqual([host, 200]);
  }
});

test('the console is read only, and no call of the API', async () => {
  const simulator = await start();
  expect((await exchange(simulator.url, { method: 'POST', path: '/console' })).status).toBe(404);
  await exchange(simulator.url, { path: '/console' });
  expect(simulator.journal).toHaveLength(0);
  // The path of an API call may begin alike.
  await exchange(simulator.url, { path: '/consoles' });
  expect(simulator.journal).toHaveLength(1);
});

test('the journal gives its latest calls alone when asked to', async () => {
  const simulator = await start();
  for (let i = 0; i < 5; i++) await exchange(simulator.url);
  const seqs = async (query: string) =>
    (await exchange(simulator.url, { path: `/_journal?${query}` })).json.entries.map(
      ({ seq }: { seq: number }) => seq,
    );
  expect(await seqs('limit=2')).toEqual([4, 5]);
  expect(await seqs('limit=9')).toEqual([1, 2, 3, 4, 5]);
  expect(await seqs('since=1&limit=3')).toEqual([3, 4, 5]);
  expect(await seqs('limit=0')).toEqual([]);
});
