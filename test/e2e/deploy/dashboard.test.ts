import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { locateDashboardReader, locatePromtool } from '../../../lab/control-plane/build/build.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import { StsStub } from '../../environment/cloud/sts-stub.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';
import { scenarios } from '../../environment/scenario.ts';
import { applyWebhook } from '../../environment/webhook-bed.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const FILE = join(ROOT, 'deploy/monitoring/dashboard.json');
const BUILD_MS = 30 * 60_000;

jest.setTimeout(60_000);

let env: Environment;
let dir: string;
let promtool: string;
let reader: string;
const scenario = scenarios(() => env);

beforeAll(async () => {
  reader = await locateDashboardReader();
  promtool = await locatePromtool();
  dir = await mkdtemp(join(tmpdir(), 'vsgb-dashboard-'));
  env = await Environment.start();
}, BUILD_MS);
afterAll(async () => {
  await env?.close();
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
});

/** The faults that Grafana's types find, one per line; empty if the dashboard is valid. */
async function faultsOf(dashboard: object): Promise<string> {
  const file = join(dir, 'dashboard.json');
  await writeFile(file, JSON.stringify(dashboard));
  return await promisify(execFile)(reader, [file]).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
}

test('Grafana takes the dashboard: every field is one of its types, and none that it needs is missing', async () => {
  const dashboard = JSON.parse(await readFile(FILE, 'utf8'));
  expect(await faultsOf(dashboard)).toBe('');
  const [row, stat, ...others] = dashboard.panels;
  const misspelt = { ...stat, options: { ...stat.options, colourMode: 'value' } };
  expect(await faultsOf({ ...dashboard, panels: [row, misspelt, ...others] })).toContain('colourMode');
});

/** The series of a metrics page, with their values. */
function seriesIn(metrics: string): ReadonlyMap<string, number> {
  const lines = metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      return [line.slice(0, cut), Number(line.slice(cut + 1).replace('+Inf', 'Infinity'))];
    }),
  );
}

/** The format of promtool's values, which has no exponents. */
const sample = (value: number) => (Number.isFinite(value) ? value.toFixed(9) : 'NaN');

scenario(
  'every query of dashboard and docs finds numbers in the metrics of an operator at work',
  async () => {
    await using sts = await StsStub.start(env.simulator.accessKeys, 3_600_000);
    await using token = await MountedSecret.create({ token: 'projected-token' });
    await applyWebhook(env.api, 1);
    const operator = await env.startOperator({
      flags: [
        ...['--sts-endpoint', sts.url, '--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE],
        ...['--webhook-address', '127.0.0.1:0'],
      ],
      env: {
        ALIBABA_CLOUD_ACCESS_KEY_ID: '',
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: '',
        ALIBABA_CLOUD_ROLE_ARN: 'acs:ram::1:role/vservergroup-operator',
        ALIBABA_CLOUD_OIDC_PROVIDER_ARN: 'acs:ram::1:oidc-provider/ack',
        ALIBABA_CLOUD_OIDC_TOKEN_FILE: join(token.dir, 'token'),
      },
    });
    const app = await env.createNamespace('dashboard');
    const group = env.createGroup();
    const serve = (...addresses: readonly string[]) =>
      app.applySlice(
        'web',
        addresses.map((address) => ({ addresses: [address] })),
      );
    await app.createService('web', { selector: undefined });
    await serve('10.61.0.1', '10.61.0.2');
    await app.bind('web', group, { drain: { seconds: 0 } });
    await env.untilHolds(group, ['10.61.0.1', '10.61.0.2']);
    const withPods = env.createGroup();
    await app.createApp('api', { replicas: 1 });
    await app.bind('api', withPods);
    await app.untilReady('api', 1);
    await env.untilStatusTrue(app, 'api', withPods, { registered: 1 });
    const before = seriesIn(await operator.metrics());
    expect(before.get('vsgb_webhook_certificate_expiry_timestamp_seconds')).toBeGreaterThan(0);
    await serve('10.61.0.1');
    await env.untilHolds(group, ['10.61.0.1']);
    await env.untilStatusTrue(app, 'web', group, { registered: 1 });
    const after = seriesIn(await operator.metrics());

    const panels: { title: string; targets?: { expr: string }[] }[] = JSON.parse(
      await readFile(FILE, 'utf8'),
    ).panels;
    const page = await readFile(join(ROOT, 'docs/monitoring.md'), 'utf8');
    const queries = [
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
      ...[...page.matchAll(/^\| .+\? \| `([^`]+)`.* \|$/gm)].map(([, expr = '']) => expr),
    ];
    expect(queries.length).toBeGreaterThan(25);
    const asked = queries.map((query) =>
      query.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*'),
    );
    const scrapes = {
      interval: '15s',
      input_series: [...after].map(([series, value]) => {
        const [old, now] = [sample(before.get(series) ?? Number.NaN), sample(value)];
        return { series, values: `${before.has(series) ? old : '_'} ${now} ${now} ${now}` };
      }),
      // Only a value that exists and is a number equals itself.
      promql_expr_test: asked.map((query) => ({
        expr: `count((${query}) == (${query})) > bool 0`,
        eval_time: '45s',
        exp_samples: [{ labels: '{}', value: 1 }],
      })),
    };
    const file = join(dir, 'queries.test.yaml');
    await writeFile(file, JSON.stringify({ rule_files: [], evaluation_interval: '15s', tests: [scrapes] }));
    const { stdout } = await promisify(execFile)(promtool, ['test', 'rules', file]).catch(
      (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }),
    );
    expect(stdout).toContain('SUCCESS');
    expect(stdout).not.toContain('FAILED');
  },
);
