import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { FakeClock } from '../../../../lab/time/fake-clock.ts';
import { ApiAccess } from '../../../../src/kubernetes/client/api-access.ts';
import { loadKubeConfig } from '../../../../src/kubernetes/client/kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string): string {
  const name = join(folder, `config-${files++}`);
  writeFileSync(name, content);
  return name;
}

const config = (name: string, user = '{ token: abc }') => `
apiVersion: v1
kind: Config
current-context: ${name}
clusters: [{ name: ${name}, cluster: { server: "https://${name}:6443", certificate-authority: ca.crt } }]
users: [{ name: ${name}, user: ${user} }]
contexts: [{ name: ${name}, context: { cluster: ${name}, user: ${name} } }]
`;

const nothing = { env: {}, home: folder };

test('the given file goes before KUBECONFIG, and its paths are relative to itself', () => {
  const given = loadKubeConfig(file(config('given')), {
    ...nothing,
    env: { KUBECONFIG: file(config('other')) },
  });
  expect(given.getCurrentCluster()).toMatchObject({
    server: 'https://given:6443',
    caFile: join(folder, 'ca.crt'),
  });
});

test('KUBECONFIG may name several files; the first to name a current context wins', () => {
  const both = [file(config('one')), file(config('two'))].join(delimiter);
  const loaded = loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG: both } });
  expect([loaded.getCurrentContext(), loaded.getClusters().length]).toEqual(['one', 2]);
});

test('files of KUBECONFIG that are not there are passed over, as long as one is', () => {
  const absent = join(folder, 'absent');
  const KUBECONFIG = [absent, file(config('one')), absent].join(delimiter);
  expect(loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG } }).getCurrentContext()).toBe('one');
  expect(() => loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG: `${absent}:${absent}` } })).toThrow(
    `KUBECONFIG: ${absent}:${absent} is not there`,
  );
});

test('of clusters, users and contexts with one name, the first of KUBECONFIG wins', () => {
  const one = file(config('one'));
  const two = file(config('two').replaceAll('name: two', 'name: one'));
  const of = (...names: string[]) =>
    loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG: names.join(delimiter) } });
  expect(of(one, two).getCurrentCluster()?.server).toBe('https://one:6443');
  expect(of(one, one).getClusters()).toHaveLength(1);
});

test('an empty file of KUBECONFIG is passed over, as long as another names a context', () => {
  const empty = file('');
  const KUBECONFIG = [empty, file(config('one'))].join(delimiter);
  expect(loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG } }).getCurrentContext()).toBe('one');
  expect(() => loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG: empty } })).toThrow(
    `kubeconfig ${empty} has no current-context`,
  );
});

test('in a pod the service account is used, unless KUBECONFIG names another', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const before = { ...process.env };
  Object.assign(process.env, env);
  const sources = { env, home: folder, serviceAccountToken: file('token') };
  const loaded = loadKubeConfig(undefined, sources);
  expect(loaded.getCurrentCluster()?.server).toBe('https://10.0.0.1:443');
  const named = { ...env, KUBECONFIG: file(config('named')) };
  const other = loadKubeConfig(undefined, { ...sources, env: named });
  expect(other.getCurrentCluster()?.server).toBe('https://named:6443');
  process.env = before;
});

test('tokenFile of a user is read at each use, not once', () => {
  const loaded = loadKubeConfig(file(config('c', '{ tokenFile: token }')), nothing);
  expect(loaded.getCurrentUser()?.authProvider).toEqual({
    name: 'tokenFile',
    config: { tokenFile: join(folder, 'token') },
  });
});

test('tokenFile of a user goes before its token', async () => {
  writeFileSync(join(folder, 'ca.crt'), 'ca');
  writeFileSync(join(folder, 'token'), 'of-the-file');
  const loaded = loadKubeConfig(file(config('c', '{ tokenFile: token, token: abc }')), nothing);
  const { headers } = await new ApiAccess(loaded, new FakeClock()).current();
  expect(headers).toEqual({ authorization: 'Bearer of-the-file' });
});

test('a user that is not in use may have what is not supported', () => {
  const both = [file(config('one')), file(config('two', '{ as: jane, as-groups: [ops] }'))].join(delimiter);
  const loaded = loadKubeConfig(undefined, { ...nothing, env: { KUBECONFIG: both } });
  expect(loaded.getCurrentUser()?.name).toBe('one');
});

test('without any configuration it says what to do', () => {
  expect(() => loadKubeConfig(undefined, nothing)).toThrow(/give --kubeconfig or KUBECONFIG/);
});

test.each([
  ['is not there', join(folder, 'absent'), /cannot be read: ENOENT/],
  ['is no YAML', file('users:\n- token: "secret-token\n  x: ['), /is not YAML: .* in line \d/],
  ['is empty', file(''), /has no current-context/],
  ['is a list', file('- a'), /is not a kubeconfig/],
  ['has no current context', file('clusters: []'), /has no current-context/],
  ['has a current context that is not there', file('current-context: x'), /has no context x/],
  [
    'has no such cluster',
    file('current-context: x\ncontexts: [{name: x, context: {cluster: y}}]'),
    /has no cluster y/,
  ],
  ['has no such user', file(config('c').replace('user: c', 'user: d')), /has no user d/],
  [
    'has a user that acts with groups',
    file(config('c', '{ token: secret-token, as: jane, as-groups: [ops] }')),
    /user c: as-groups is not supported/,
  ],
  ['has a user with a uid', file(config('c', '{ as: jane, as-uid: "7" }')), /as-uid is not supported/],
  [
    'has a server that is no URL',
    file(config('c').replace('https://c:6443', 'c:6443')),
    /server is not an http\(s\) URL/,
  ],
])('a kubeconfig that %s is refused in words, without its secrets', (_what, name, expected) => {
  let message = '';
  try {
    loadKubeConfig(name, nothing);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(expected);
  expect(message).not.toContain('secret-token');
});

test('a context that is asked for is taken; one that is not there is told', () => {
  const both = [file(config('one')), file(config('two'))].join(delimiter);
  const sources = { ...nothing, env: { KUBECONFIG: both } };
  const loaded = loadKubeConfig(undefined, { ...sources, context: 'two' });
  expect(loaded.getCurrentCluster()?.server).toBe('https://two:6443');
  expect(() => loadKubeConfig(undefined, { ...sources, context: 'three' })).toThrow(
    /has no context three, which was asked for/,
  );
});
