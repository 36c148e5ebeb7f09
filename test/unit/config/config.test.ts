import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../../lab/time/fake-clock.ts';
import { CREDENTIALS_HELP } from '../../../src/alibaba/credentials/credential-providers.ts';
import { createRateLimiter } from '../../../src/alibaba/throttle.ts';
import { environmentName, FLAG_KEYS, flagName } from '../../../src/config/flags.ts';
import { type Config, ConfigError, helpText, readCommand } from '../../../src/config.ts';

const REGION = ['--region', 'cn-hangzhou'];

function config(args: string[] = [], environment: Record<string, string> = {}): Config {
  const command = readCommand([...REGION, ...args], environment);
  if (command.action !== 'run') throw new Error(command.action);
  return command.config;
}

function refusal(args: string[], environment: Record<string, string> = {}): string {
  try {
    readCommand(args, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('was taken');
}

test('the lowest rate and burst that are taken make a rate limiter', () => {
  const { apiQps: qps, apiBurst: burst } = config(['--api-qps', '0.1', '--api-burst', '1']);
  expect(createRateLimiter({ clock: new FakeClock(), qps, burst }).tokens).toBe(1);
  expect(refusal([...REGION, '--api-qps', '0.09'])).toContain('--api-qps');
});

describe('values', () => {
  test.each<[string[], Partial<Config>]>([
    [
      [],
      { apiTimeout: 20_000, apiQps: 50, apiBurst: 150, writeSpacing: 100, addWindow: 250, resync: 300_000 },
    ],
    [[], { endpointNetwork: 'vpc', endpointsSource: 'auto', defaultDrainSeconds: 0, maxBackendsPerCall: 20 }],
    [[], { logLevel: 'info', logFormat: 'json', dryRun: false, shutdownTimeout: 10_000, namespace: [] }],
    [['--api-timeout', '2.5s'], { apiTimeout: 2500 }],
    [['--api-timeout=1m30s'], { apiTimeout: 90_000 }],
    [['--write-spacing', '0'], { writeSpacing: 0 }],
    [['--api-qps', '0.5'], { apiQps: 0.5 }],
    [['--namespace', 'a', '--namespace', 'b'], { namespace: ['a', 'b'] }],
    [['--namespace', 'a', '--namespace', 'b', '--namespace', 'a'], { namespace: ['a', 'b'] }],
    [
      ['--binding-selector', 'team in (web, shop),!test,tier!=x'],
      { bindingSelector: 'team in (web, shop),!test,tier!=x' },
    ],
    [
      [
        ...['--assume-role-arn', 'acs:ram::1234567890123456:role/slb'],
        ...['--assume-role-external-id', 'shop/1'],
      ],
      { assumeRoleArn: 'acs:ram::1234567890123456:role/slb', assumeRoleExternalId: 'shop/1' },
    ],
    [
      ['--assumable-role', 'acs:ram::1:role/slb', '--assumable-role=acs:ram::2:role/slb'],
      { assumableRole: ['acs:ram::1:role/slb', 'acs:ram::2:role/slb'] },
    ],
    [['--dry-run'], { dryRun: true }],
    [['--dry-run=false'], { dryRun: false }],
    [['--dry-run', '--no-dry-run'], { dryRun: false }],
    [['--api-qps', '1', '--api-qps', '2'], { apiQps: 2 }],
    [['--metrics-address', ':8080'], { metricsAddress: { port: 8080 } }],
    [['--metrics-address', '[::1]:0'], { metricsAddress: { host: '::1', port: 0 } }],
    [['--metrics-address', 'off'], { metricsAddress: undefined }],
    [['--slb-endpoint', 'slb.aliyuncs.com'], { slbEndpoint: 'https://slb.aliyuncs.com' }],
    [['--slb-endpoint', 'http://127.0.0.1:8123/'], { slbEndpoint: 'http://127.0.0.1:8123' }],
    [['--slb-endpoint', 'http://[::1]:8123'], { slbEndpoint: 'http://[::1]:8123' }],
    [['--slb-endpoint', 'http://10.0.0.1', '--allow-insecure-endpoints'], { slbEndpoint: 'http://10.0.0.1' }],
    [['--leader-elect', '--leader-elect-namespace', 'x'], { leaderElect: true, leaderElectNamespace: 'x' }],
  ])('%j', (args, expected) => {
    expect(config(args)).toMatchObject(expected);
  });

  test('in a cluster a replica elects a leader and serves on every interface', () => {
    const inside = config([], { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBECONFIG: '' });
    expect(inside).toMatchObject({ inCluster: true, leaderElect: true });
    expect(inside).toMatchObject({ metricsAddress: { port: 8080 }, healthAddress: { port: 8081 } });
  });

  test('outside, or with a kubeconfig, it does neither and takes free ports', () => {
    for (const outside of [
      config(),
      config(['--kubeconfig', 'f'], { KUBERNETES_SERVICE_HOST: '10.0.0.1' }),
      config([], { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBECONFIG: 'f' }),
    ]) {
      expect(outside).toMatchObject({ inCluster: false, leaderElect: false });
      expect(outside.metricsAddress).toEqual({ host: '127.0.0.1', port: 0 });
      expect(outside.healthAddress).toEqual({ host: '127.0.0.1', port: 0 });
    }
  });
});

describe('environment', () => {
  test('every flag has a variable', () => {
    expect(config([], { VSGB_API_QPS: '7', VSGB_DRY_RUN: 'true', VSGB_NAMESPACE: 'a, b' })).toMatchObject({
      apiQps: 7,
      dryRun: true,
      namespace: ['a', 'b'],
    });
  });

  test('what is listed twice counts once', () => {
    expect(config([], { VSGB_NAMESPACE: 'a, b,a' }).namespace).toEqual(['a', 'b']);
  });

  test('the flag wins', () => {
    expect(config(['--api-qps', '8'], { VSGB_API_QPS: '7' }).apiQps).toBe(8);
  });

  test('an empty variable counts as unset', () => {
    expect(config([], { VSGB_API_QPS: '' }).apiQps).toBe(50);
  });

  test('a misspelt variable is refused', () => {
    expect(refusal(REGION, { VSGB_API_QSP: '7' })).toBe(
      'unknown environment variable VSGB_API_QSP; see --help',
    );
  });

  test('a wrong value names the variable', () => {
    expect(refusal(REGION, { VSGB_API_QPS: 'x' })).toBe(
      'VSGB_API_QPS: received "x", expected a number from 0.1 to 1000',
    );
  });

  test('what a Service named vsgb-metrics injects is not taken for settings', () => {
    const links = {
      VSGB_METRICS_SERVICE_HOST: '10.0.0.9',
      VSGB_METRICS_SERVICE_PORT_HTTP: '8080',
      VSGB_METRICS_PORT: 'tcp://10.0.0.9:8080',
      VSGB_METRICS_PORT_8080_TCP_ADDR: '10.0.0.9',
    };
    expect(config([], links).apiQps).toBe(50);
  });
});

describe('refused, with a sentence that says what was received and what was expected', () => {
  test.each<[string[], string]>([
    [[], '--region is needed: expected the id of a region, as cn-hangzhou'],
    [['--region', 'Hangzhou'], '--region: received "Hangzhou", expected the id of a region, as cn-hangzhou'],
    [['--region'], '--region needs a value: expected the id of a region, as cn-hangzhou'],
    [['--region', '--dry-run'], '--region needs a value: expected the id of a region, as cn-hangzhou'],
    [['--regoin', 'x'], 'unknown flag --regoin; see --help'],
    [['-x'], 'unknown flag -x; see --help'],
    [['--no-region'], 'unknown flag --no-region; see --help'],
    [['stray'], 'unexpected argument; see --help'],
    [
      [...REGION, '--api-timeout', '20'],
      '--api-timeout: received "20", expected a duration from 1s to 5m, as 100ms, 5s or 1m30s',
    ],
    [
      [...REGION, '--api-timeout', '10m'],
      '--api-timeout: received "10m", expected a duration from 1s to 5m, as 100ms, 5s or 1m30s',
    ],
    [
      [...REGION, '--assume-role-arn', 'slb'],
      '--assume-role-arn: received "slb", expected the ARN of a RAM role, as acs:ram::1234567890123456:role/slb',
    ],
    [
      [...REGION, '--assume-role-external-id', 'shop/1'],
      '--assume-role-external-id is given without --assume-role-arn: expected both, or neither',
    ],
    [[...REGION, '--api-qps', '0'], '--api-qps: received "0", expected a number from 0.1 to 1000'],
    [
      [...REGION, '--api-burst', '1.5'],
      '--api-burst: received "1.5", expected a whole number from 1 to 10000',
    ],
    [
      [...REGION, '--max-backends-per-call', '41'],
      '--max-backends-per-call: received "41", expected a whole number from 1 to 40',
    ],
    [[...REGION, '--dry-run=yes'], '--dry-run: received "yes", expected true or false'],
    [
      [...REGION, '--log-level', 'trace'],
      '--log-level: received "trace", expected one of error, warn, info, debug',
    ],
    [
      [...REGION, '--metrics-address', '8080'],
      '--metrics-address: received "8080", expected HOST:PORT, :PORT for every interface, or off',
    ],
    [
      [...REGION, '--metrics-address', ':70000'],
      '--metrics-address: received ":70000", expected HOST:PORT, :PORT for every interface, or off',
    ],
    [
      [...REGION, '--namespace', 'A'],
      '--namespace: received "A", expected the name of a namespace: lower-case letters, digits and -',
    ],
    [[...REGION, '--vpc-id', 'x'], '--vpc-id: received "x", expected the id of a VPC, as vpc-bp1x0abc'],
    [[...REGION, '--kubeconfig', ''], '--kubeconfig: received "", expected the path of a file'],
    [
      [...REGION, '--binding-selector', 'a in b'],
      '--binding-selector: received "a in b", expected a label selector, as team=web,tier!=test',
    ],
    [
      [...REGION, '--slb-endpoint', 'https://x/path'],
      '--slb-endpoint: received "https://x/path", expected a host name, or an http:// or https:// URL of only host and port',
    ],
    [
      [...REGION, '--slb-endpoint', 'ftp://x'],
      '--slb-endpoint: received "ftp://x", expected a host name, or an http:// or https:// URL of only host and port',
    ],
    [
      [...REGION, '--ecs-endpoint', 'http://10.0.0.1:80'],
      '--ecs-endpoint: received "http://10.0.0.1", expected https:// for an address that is not on this machine (or --allow-insecure-endpoints)',
    ],
    [
      [...REGION, '--ecs-endpoint', 'http://127.0.0.1.example.com'],
      '--ecs-endpoint: received "http://127.0.0.1.example.com", expected https:// for an address that is not on this machine (or --allow-insecure-endpoints)',
    ],
    [
      [...REGION, '--sts-endpoint', 'http://sts.example.com'],
      '--sts-endpoint: received "http://sts.example.com", expected https:// for an address that is not on this machine (or --allow-insecure-endpoints)',
    ],
    [
      [...REGION, '--metrics-auth', 'basic'],
      '--metrics-auth: received "basic", expected one of none, kubernetes',
    ],
    [
      [...REGION, '--leader-elect'],
      '--leader-elect-namespace is needed with --leader-elect outside a cluster: expected the name of a namespace',
    ],
    [
      [...REGION, '--leader-elect-renew-deadline', '15s'],
      '--leader-elect-renew-deadline: received 15000ms, expected less than --leader-elect-lease-duration (15000ms), so that a leader stops before another takes over',
    ],
    [
      [...REGION, '--leader-elect-retry-period', '6s'],
      '--leader-elect-retry-period: received 6000ms, expected less than half of --leader-elect-renew-deadline (10000ms), so that a renewal can be tried twice',
    ],
    [
      [...REGION, '--metrics-address', ':80', '--health-address', ':80'],
      '--health-address: received port 80, expected another than that of --metrics-address',
    ],
    [
      [...REGION, '--health-address', ':80', '--webhook-address', ':80'],
      '--webhook-address: received port 80, expected another than that of --health-address',
    ],
  ])('%j', (args, message) => {
    expect(refusal(args)).toBe(message);
  });

  test('without repeating what may be a secret', () => {
    const secret = 'LTAI5tSecretSecretSecret';
    expect(refusal([...REGION, '--access-key-secret', secret])).not.toContain(secret);
    expect(refusal([...REGION, `--access-key-secret=${secret}`])).not.toContain(secret);
    expect(refusal([...REGION, secret])).not.toContain(secret);
    expect(refusal([...REGION, '--slb-endpoint', `https://me:${secret}@slb`])).not.toContain(secret);
  });
});

describe('help', () => {
  test.each(FLAG_KEYS)('%s is named with its variable and its default', (key) => {
    const text = helpText(CREDENTIALS_HELP);
    expect(text).toContain(`  ${flagName(key)}`);
    expect(text).toContain(`($${environmentName(key)})`);
  });

  test('no line is wider than 110 characters', () => {
    for (const line of helpText(CREDENTIALS_HELP).split('\n')) expect(line.length).toBeLessThanOrEqual(110);
  });

  test('credentials are told in the order in which they are looked for', () => {
    expect(helpText(CREDENTIALS_HELP)).toContain(`Credentials, first that is there:
  1. the files in --credentials-dir
  2. RRSA: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE,
     set by ack-pod-identity-webhook, the chart or deploy/components/rrsa-token
  3. ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for a session,
     ALIBABA_CLOUD_SECURITY_TOKEN
  4. the RAM role of the instance
HTTPS_PROXY`);
  });

  test('no flag carries a credential', () => {
    for (const key of FLAG_KEYS) expect(key).not.toMatch(/secret|token|accessKey|password/i);
  });

  test('--help and --version win over what is wrong or missing in the values', () => {
    expect(readCommand(['--help', '--api-qps', 'x'], {})).toEqual({ action: 'help' });
    expect(readCommand(['--version'], {})).toEqual({ action: 'version' });
  });
});
