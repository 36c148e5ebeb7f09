import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { HELP, parseCommandLine, UsageError } from '../../../simulator/options.ts';
import { call, start } from './harness.ts';

const parse = (line: string, env = {}) => parseCommandLine(line === '' ? [] : line.split(' '), env);

test('the documented command line', () => {
  const line =
    '--port 8080 --access-key ID:SE:CRET --load-balancer lb-1 --group rsp-0 --group rsp-1@lb-1 --latency 20ms --journal j.ndjson';
  expect(parse(line)).toMatchObject({
    port: 8080,
    accessKeys: [{ id: 'ID', secret: 'SE:CRET' }],
    loadBalancers: ['lb-1'],
    groups: [{ id: 'rsp-0' }, { id: 'rsp-1', loadBalancer: 'lb-1' }],
    latencyMs: 20,
    journalFile: 'j.ndjson',
  });
});

test('without flags everything has a default', () => {
  expect(parse('')).toMatchObject({
    host: '127.0.0.1',
    port: 0,
    accessKeys: [{ id: 'testid', secret: 'testsecret' }],
    regionId: 'cn-hangzhou',
    vpcId: 'vpc-1',
    loadBalancers: ['lb-1'],
    groups: [],
    latencyMs: 0,
    busyMs: 0,
    maxBackendsPerCall: 20,
    backendsPerLoadBalancer: 0,
  });
});

test('the access key and the token may come from the environment', () => {
  const env = { SLB_SIMULATOR_ACCESS_KEY: 'ID:SECRET', SLB_SIMULATOR_SECURITY_TOKEN: 'token' };
  expect(parse('', env)).toMatchObject({
    accessKeys: [{ id: 'ID', secret: 'SECRET', securityToken: 'token' }],
  });
});

test('the environment gives flags, too, and the command line wins', () => {
  const env = { SLB_SIMULATOR_FLAGS: '--host 0.0.0.0  --port 8080\n--group rsp-0' };
  expect(parse('--port 9090 --group rsp-1', env)).toMatchObject({
    host: '0.0.0.0',
    port: 9090,
    groups: [{ id: 'rsp-0' }, { id: 'rsp-1' }],
  });
});

test('faults name an action and an error code or a kind, with a share', () => {
  expect(
    parse('--fault RemoveVServerGroupBackendServers=ServiceIsConfiguring:0.2 --fault *=applied-no-reply'),
  ).toMatchObject({
    faults: [
      {
        action: 'RemoveVServerGroupBackendServers',
        kind: 'error',
        code: 'ServiceIsConfiguring',
        probability: 0.2,
      },
      { action: '*', kind: 'applied-no-reply', probability: 1 },
    ],
  });
});

test('a listener names protocol, port and group, and after commas how it forwards', () => {
  const line =
    '--group rsp-0 --listener tcp:0=rsp-0 --listener http:8080=rsp-0,propagation=0s-2s,drain=30s,on-remove=keep,check=http:/healthz,check-interval=1s,unhealthy=2';
  expect(parse(line)).toMatchObject({
    listeners: [
      { protocol: 'tcp', port: 0, group: 'rsp-0', healthCheck: {} },
      {
        protocol: 'http',
        port: 8080,
        group: 'rsp-0',
        propagationMs: [0, 2000],
        drainMs: 30_000,
        onRemove: 'keep',
        healthCheck: { type: 'http', path: '/healthz', intervalMs: 1000, unhealthyThreshold: 2 },
      },
    ],
  });
  const whole = [
    'machines=3,propagation=2s,sticky-at-weight-zero=no,before-first-check=unused,when-all-unhealthy=all',
    'after-refusal=next,after-syn-timeout=next,syn-timeout=1s,scheduler=sch,persistence=60s,cookie=1h,idle=10s',
    'request=5s,check=tcp,check-method=GET,check-codes=http_2xx+http_3xx,check-port=81,check-timeout=2s,healthy=2',
  ].join(',');
  expect(parse(`--group g --listener tcp:1=g,${whole} --listener tcp:2=g,check=off`)).toMatchObject({
    listeners: [
      {
        machines: 3,
        propagationMs: 2000,
        stickyAtWeightZero: false,
        beforeFirstCheck: 'unused',
        whenAllUnhealthy: 'all',
        afterRefusal: 'next',
        afterSynTimeout: 'next',
        synTimeoutMs: 1000,
        scheduler: 'sch',
        persistenceMs: 60_000,
        cookieMs: 3_600_000,
        idleMs: 10_000,
        requestMs: 5000,
        healthCheck: {
          type: 'tcp',
          method: 'GET',
          codes: ['http_2xx', 'http_3xx'],
          port: 81,
          timeoutMs: 2000,
          healthyThreshold: 2,
        },
      },
      { healthCheck: false },
    ],
  });
});

test('how all listeners forward, where they listen and where nodes are', () => {
  const line =
    '--forwarding propagation=0s,machines=1 --listen-host 10.0.0.1 --listener-ports any --instance i-1=10.0.0.2 --instance i-2=fd00::2';
  expect(parse(line)).toMatchObject({
    forwarding: { propagationMs: 0, machines: 1 },
    listenHost: '10.0.0.1',
    listenerPorts: 'any',
    instanceAddresses: { 'i-1': '10.0.0.2', 'i-2': 'fd00::2' },
  });
});

test.each([
  ['--listener tcp:1=g', '--listener tcp:1=g names a group that no --group creates'],
  ['--listener udp:80=rsp-0', '--listener must be tcp:PORT=GROUP or http:PORT=GROUP, not "udp:80=rsp-0"'],
  [
    '--listener tcp:65536=rsp-0',
    '--listener must be tcp:PORT=GROUP or http:PORT=GROUP, not "tcp:65536=rsp-0"',
  ],
  ['--listener tcp:1=g,drain=30', '--listener drain must be a duration such as 20ms or 1.5s, not "30"'],
  [
    '--listener tcp:1=g,propagation=2s-1s',
    '--listener propagationMs must be a duration or [min, max], not [2000,1000]',
  ],
  ['--listener tcp:1=g,on-remove=cut', '--listener on-remove must be one of reset, keep, not "cut"'],
  ['--listener tcp:1=g,check=udp', '--listener check must be off, tcp, http or http:/PATH, not "udp"'],
  ['--forwarding machines=0', '--forwarding machines must be a whole number from 1 on, not "0"'],
  ['--listener-ports some', '--listener-ports must be own or any, not "some"'],
  ['--instance i-1=node', '--instance must be ID=ADDRESS with an IP address, not "i-1=node"'],
  ['--host example', '--host must be an IP address, not "example"'],
  ['--port 70000', '--port must be a whole number from 0 to 65535, not "70000"'],
  ['--latency 20', '--latency must be a duration such as 20ms or 1.5s, not "20"'],
  ['--qps 0', '--qps must be a number above 0, not "0"'],
  ['--max-backends-per-call 41', '--max-backends-per-call must be a whole number from 1 to 40, not "41"'],
  ['--access-key secretonly', '--access-key must be ID:SECRET'],
  ['--group rsp-0 --group rsp-0', '--group rsp-0 is given twice'],
  ['--group rsp-0@lb-9', '--group rsp-0@lb-9 names a load balancer that no --load-balancer creates'],
  ['--fault Add=NoSuchCode', '--fault knows no error code or fault "NoSuchCode"; see README.md'],
  ['--fault Add', '--fault must be ACTION=WHAT or ACTION=WHAT:SHARE, not "Add"'],
  ['--fault *=hang:2', 'the share in --fault must be between 0 and 1, not "2"'],
  ['--sts-expires 1s', '--sts-expires needs --sts'],
  ['--colour', "Unknown option '--colour'; see --help"],
])('%s is refused with one sentence', (line, message) => {
  expect(() => parse(line)).toThrow(new UsageError(message));
});

test('an option of a listener that is not there is told with those that are', () => {
  expect(() => parse('--listener tcp:1=g,colour=red')).toThrow(
    /^--listener knows no "colour=red"; options are machines, /,
  );
  expect(() => parse('--forwarding drain=30s')).toThrow(/^--forwarding knows no "drain=30s"; /);
});

test('--help names every flag', () => {
  expect(parse('--help')).toBe('help');
  for (const flag of [
    '--host',
    '--port',
    '--access-key',
    '--sts',
    '--group',
    '--fault',
    '--busy',
    '--journal',
    '--qps',
    '--listener',
    '--forwarding',
    '--listen-host',
    '--listener-ports',
    '--instance',
  ]) {
    expect(HELP).toContain(`${flag} `);
  }
});

const MAIN = new URL('../../../simulator/main.ts', import.meta.url).pathname;

test('the command says where it listens, serves, and ends cleanly on SIGTERM', async () => {
  const args = [MAIN, '--group', 'rsp-0', '--listener', 'tcp:0=rsp-0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let output = '';
    const listening = Promise.withResolvers<string>();
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const url = /listening on (http:\/\/127\.0\.0\.1:\d+)\n/.exec(output)?.[1];
      if (url) listening.resolve(url);
    });
    child.once('exit', () => listening.reject(new Error(`ended early: ${output}`)));
    const url = await listening.promise;
    expect((await call({ url }, 'DescribeVServerGroupAttribute', { VServerGroupId: 'rsp-0' })).status).toBe(
      200,
    );
    expect(output).toMatch(/^seed \d+$/m);
    expect(output).toMatch(/^listener lb-1\/tcp:(\d+) on 127\.0\.0\.1:\1 forwards to rsp-0$/m);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
}, 20_000);

test('it listens on the host that it is told, and on no other', async () => {
  const { port, url } = await start({ host: '127.0.0.2' });
  expect(url).toBe(`http://127.0.0.2:${port}`);
  expect((await fetch(`${url}/_state`)).status).toBe(200);
  await expect(fetch(`http://127.0.0.1:${port}/_state`)).rejects.toThrow('fetch failed');
});

test('a wrong value ends the command with code 2 and one sentence on stderr', async () => {
  const child = spawn(process.execPath, [MAIN, '--port', 'x'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(2);
  expect(errors).toBe('simulator: --port must be a whole number from 0 to 65535, not "x"\n');
}, 20_000);
