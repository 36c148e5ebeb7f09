import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { Agent, request } from 'undici';
import { allowGates } from '../../../lab/environment/allow-gates.ts';
import { Environment, OPERATOR_NAMESPACE } from '../../../lab/environment/environment.ts';
import type { OperatorProcess } from '../../../lab/environment/operator-process.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { ZERO_DOWNTIME_LABEL } from '../../../src/api/names.ts';
import type { KeyPair } from '../../../src/observability/tls-files.ts';
import { issueCertificate } from '../../../src/webhook/certificate/issue-certificate.ts';
import { untilGates } from '../../environment/gated-pods.ts';
import { tlsSecret } from '../../environment/key-pair.ts';
import { MountedSecret } from '../../environment/mounted-secret.ts';
import { scenarios } from '../../environment/scenario.ts';
import { injectSidecars } from '../../environment/sidecar-injector.ts';
import { TcpBalancer } from '../../environment/tcp-balancer.ts';
import {
  applyWebhook,
  type CreatedPod,
  createPod,
  enableZeroDowntime,
  newPod,
  type PodFields,
  trustedBy,
  untilGiven,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_HOST,
  WEBHOOK_SECRET,
  webhookPort,
  zeroDowntimeOf,
} from '../../environment/webhook-bed.ts';

const DAY = 24 * 60 * 60_000;
const FLAGS = [
  ...['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE, '--readiness-gates'],
  ...['--webhook-address', '127.0.0.1:0'],
];
const EXPIRY = 'vsgb_webhook_certificate_expiry_timestamp_seconds';
/** For a binding that drains for 2 s, and a pod with Kubernetes' default grace period. */
const GIVEN = 'gate 17 47';

let env: Environment;
let service: TcpBalancer;
let operators: OperatorProcess[] = [];
const scenario = scenarios(() => env);

/** Starts the replicas and makes the ready ones endpoints of the Service. */
async function start(replicas: number, flags: readonly string[] = FLAGS): Promise<void> {
  const started = Array.from({ length: replicas }, () => env.startOperator({ flags }));
  operators = await Promise.all(started);
  service.endpoints = await Promise.all(operators.map(webhookPort));
}

async function stop(): Promise<void> {
  await Promise.all(operators.map((operator) => operator.stop()));
  operators = [];
  service.endpoints = [];
  service.cut();
}

/** A namespace where new pods named web get gate and hold. */
async function boundNamespace(purpose: string): Promise<Workloads> {
  const app = await env.createNamespace(purpose);
  await enableZeroDowntime(app);
  await app.createService('web');
  await app.bind('web', env.createGroup(), { drain: { seconds: 2 } });
  return app;
}

/** Creates pods, one after another, until `done`; returns what each has got. */
async function podsUntil(app: Workloads, done: () => Promise<boolean>): Promise<readonly string[]> {
  const given: string[] = [];
  await waitUntil(
    'the change that pods are created through',
    async () => {
      for (let i = 0; i < 5; i++) given.push(zeroDowntimeOf(await createPod(app)));
      return (await done()) && given.length >= 20;
    },
    { timeoutMs: 60_000 },
  );
  return given;
}

async function keep(pair: KeyPair): Promise<void> {
  const value = Object.fromEntries(Object.entries(tlsSecret(pair)).map(([key, pem]) => [key, base64(pem)]));
  await env.api.patch(WEBHOOK_SECRET, [{ op: 'add', path: '/data', value }], 'json');
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

beforeAll(async () => {
  env = await Environment.start();
  service = await TcpBalancer.start();
  await allowGates(env.api);
  await applyWebhook(env.api, service.port);
  await start(2);
}, 120_000);

afterAll(async () => {
  await env?.close();
  await service?.[Symbol.asyncDispose]();
});

describe('with two replicas a new pod', () => {
  let app: Workloads;

  beforeAll(async () => {
    app = await boundNamespace('hook');
    await untilGiven(app, GIVEN);
  }, 60_000);

  scenario('behind a binding gets gate and hold where its namespace asks for them', async () => {
    expect(zeroDowntimeOf(await createPod(app))).toBe(GIVEN);
    expect(zeroDowntimeOf(await createPod(app, { spec: { terminationGracePeriodSeconds: 0 } }))).toBe(
      'gate 17 17',
    );
    expect(zeroDowntimeOf(await createPod(app, { labels: { app: 'other' } }))).toBe('none');
  });

  scenario(
    'gets nothing where its namespace does not ask, by its own label, or when it ends by itself',
    async () => {
      const unasked = await env.createNamespace('unasked');
      await unasked.createService('web');
      await unasked.bind('web', env.createGroup());
      expect(zeroDowntimeOf(await createPod(unasked))).toBe('none');
      expect(zeroDowntimeOf(await createPod(app, { labels: { [ZERO_DOWNTIME_LABEL]: 'disabled' } }))).toBe(
        'none',
      );
      expect(zeroDowntimeOf(await createPod(app, { spec: { restartPolicy: 'OnFailure' } }))).toBe('none');
    },
  );

  scenario('of a namespace with restricted Pod Security gets them, too', async () => {
    const strict = await boundNamespace('strict');
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await env.api.patch(`/api/v1/namespaces/${strict.namespace}`, { metadata: { labels } });
    const container = {
      securityContext: {
        ...{ allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    };
    const given = () => createPod(strict, { container }).then(zeroDowntimeOf);
    await waitUntil('the binding to be known', async () => (await given()) === GIVEN);
    await expect(createPod(strict)).rejects.toThrow('PodSecurity');
  });

  for (const [when, configuration] of [
    ['before', 'a-sidecar'],
    ['after', 'z-sidecar'],
  ] as const)
    scenario(
      `that gets a sidecar by another webhook ${when} ours is held by that, too, and once`,
      async () => {
        const mesh = await boundNamespace('mesh');
        await untilGiven(mesh, GIVEN);
        await using _ = await injectSidecars(mesh, configuration);
        await untilGiven(mesh, 'gate 17 17 47');
      },
    );

  scenario('of a Deployment is let in by its gate, and holds for as long as the binding asks', async () => {
    const web = await boundNamespace('rollout');
    await untilGiven(web, GIVEN);
    const deployment = web.deployment('web', { replicas: 3 });
    await env.api.create(web.path('apis/apps/v1', 'deployments'), deployment);
    await web.untilReady('web', 3);
    const pods = await untilGates(web, 'web', 3, 'True Registered');
    expect(pods.map((pod) => zeroDowntimeOf(pod as unknown as CreatedPod))).toEqual(
      Array(3).fill('gate 17 18'),
    );
  });

  scenario(
    'with a preStop of its own, or a label that nobody knows, is created, and its creator warned',
    async () => {
      const own = { container: { lifecycle: { preStop: { exec: { command: ['/stop'] } } } } };
      expect(await warningsOf(app, own)).toContain('container app has its own preStop');
      const labels = { [ZERO_DOWNTIME_LABEL]: 'off' };
      expect(await warningsOf(app, { labels })).toContain('is \\"off\\": expected enabled or disabled');
    },
  );

  scenario('is asked about without a fault: none is counted', async () => {
    for (const operator of operators)
      expect(await operator.metric('vsgb_webhook_requests_total{result="error"}')).toBe(0);
  });
});

scenario('a label of a namespace or Deployment that nobody knows is told to whoever writes it', async () => {
  const app = await env.createNamespace('typo');
  const labels = { [ZERO_DOWNTIME_LABEL]: 'enable' };
  const told = 'does nothing with this value, expected enabled or disabled';
  await waitUntil('the policy to be in force', async () =>
    (await warnings('PATCH', `/api/v1/namespaces/${app.namespace}`, { metadata: { labels } })).includes(told),
  );
  const deployment = app.deployment('web', { replicas: 0 }) as {
    spec: { template: { metadata: { labels: object } } };
  };
  Object.assign(deployment.spec.template.metadata.labels, labels);
  const path = `${app.path('apis/apps/v1', 'deployments')}?dryRun=All`;
  expect(await warnings('POST', path, deployment)).toContain(told);
  Object.assign(deployment.spec.template.metadata.labels, { [ZERO_DOWNTIME_LABEL]: 'disabled' });
  expect(await warnings('POST', path, deployment)).toBe('');
});

scenario(
  'a leader is killed: pods that are created meanwhile have gate and hold',
  async () => {
    const app = await boundNamespace('leader');
    await untilGiven(app, GIVEN);
    const leads = async (operator: OperatorProcess) =>
      (await operator.metric('leader_election_master_status{name="vservergroup-operator"}')) === 1;
    const leading = await Promise.all(operators.map(leads));
    const [killed, other] = leading[0] ? operators : operators.toReversed();
    // The endpoints of a pod that is ending leave its Service first.
    service.endpoints = [await webhookPort(other as OperatorProcess)];
    const given = await podsUntil(app, async () => {
      await killed?.kill();
      return await leads(other as OperatorProcess);
    });
    expect(new Set(given)).toEqual(new Set([GIVEN]));
    await stop();
  },
  120_000,
);

scenario(
  'a certificate is renewed while pods are created: all have gate and hold, and both replicas the new one',
  async () => {
    const app = await boundNamespace('renewed');
    const now = Date.now();
    // Due for renewal a moment after both replicas serve with this certificate.
    const before = issueCertificate({
      host: WEBHOOK_HOST,
      notBefore: now - DAY,
      notAfter: now + 30 * DAY + 8_000,
    });
    await keep(before);
    await start(2);
    expect(await trustedBy(env.api)).toContain(before.cert);
    await untilGiven(app, GIVEN);
    const given = await podsUntil(app, async () => {
      const expiries = await Promise.all(operators.map((operator) => operator.metric(EXPIRY)));
      return expiries.every((expiry = 0) => expiry * 1000 > now + 80 * DAY);
    });
    expect(new Set(given)).toEqual(new Set([GIVEN]));
    const trusted = await trustedBy(env.api);
    expect(trusted.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(trusted).toContain(before.cert);
    for (const operator of operators) expect(await operator.log()).not.toContain('PRIVATE KEY');
    await stop();
  },
  150_000,
);

scenario(
  'a certificate that ended while no operator ran is replaced by whoever starts first',
  async () => {
    const app = await boundNamespace('ended');
    await keep(
      issueCertificate({ host: WEBHOOK_HOST, notBefore: Date.now() - 2 * DAY, notAfter: Date.now() - DAY }),
    );
    await start(2);
    await untilGiven(app, GIVEN);
    const made = await Promise.all(
      operators.map(async (operator) =>
        (await operator.lines()).filter(
          ({ message }) => message === 'A certificate was made for the webhook',
        ),
      ),
    );
    expect(made.flat()).toHaveLength(1);
    await stop();
  },
  120_000,
);

scenario(
  'a mounted certificate that has ended: pods are created as they are, and a metric tells',
  async () => {
    const app = await boundNamespace('mounted');
    const pair = (daysLeft: number) =>
      issueCertificate({
        host: WEBHOOK_HOST,
        notBefore: Date.now() - 90 * DAY,
        notAfter: Date.now() + daysLeft * DAY,
      });
    const [ended, renewed] = [pair(-1), pair(60)];
    await trust(`${ended.cert}${renewed.cert}`);
    await using secret = await MountedSecret.create(tlsSecret(ended));
    await start(1, [...FLAGS, '--webhook-tls-dir', secret.dir]);
    const [operator] = operators;
    expect(zeroDowntimeOf(await createPod(app))).toBe('none');
    expect(await operator?.metric(EXPIRY)).toBeLessThan(Date.now() / 1000);
    await secret.publish(tlsSecret(renewed));
    await untilGiven(app, GIVEN);
    expect(await operator?.metric(EXPIRY)).toBeGreaterThan(Date.now() / 1000);
    await stop();
  },
  120_000,
);

scenario(
  'a mounted Secret that is emptied: logged, and pods get gate and hold by the certificate before it',
  async () => {
    const app = await boundNamespace('emptied');
    const pair = issueCertificate({
      host: WEBHOOK_HOST,
      notBefore: Date.now() - DAY,
      notAfter: Date.now() + 60 * DAY,
    });
    await trust(pair.cert);
    await using secret = await MountedSecret.create(tlsSecret(pair));
    await start(1, [...FLAGS, '--webhook-tls-dir', secret.dir]);
    await untilGiven(app, GIVEN);
    await secret.publish(tlsSecret({ cert: '', key: '' }));
    await waitUntil('the log to say so', async () => {
      const lines = (await operators[0]?.lines()) ?? [];
      return lines.some(({ message }) => `${message}`.includes('the previous one stays'));
    });
    service.cut();
    expect(zeroDowntimeOf(await createPod(app))).toBe(GIVEN);
    await stop();
  },
  120_000,
);

describe('an operator that is away', () => {
  scenario('keeps no pod out: nobody listens', async () => {
    const app = await boundNamespace('away');
    service.endpoints = [1];
    expect(zeroDowntimeOf(await createPod(app))).toBe('none');
  });

  scenario('keeps no pod out: nobody answers', async () => {
    const app = await boundNamespace('silent');
    service.endpoints = [];
    expect(zeroDowntimeOf(await createPod(app))).toBe('none');
  });

  scenario('gives gate and hold again once it is back', async () => {
    const app = await boundNamespace('back');
    await start(1);
    await untilGiven(app, GIVEN);
  });

  scenario('without a Secret to keep its certificate in: told, and it does its other work', async () => {
    await stop();
    await env.api.delete(WEBHOOK_SECRET);
    const app = await env.createNamespace('bare');
    const group = env.createGroup();
    const operator = await env.startOperator({ flags: FLAGS, untilReady: false });
    await app.bind('web', group);
    await app.createApp('web', { replicas: 1 });
    await env.untilHolds(group, await app.untilReady('web', 1));
    const told = (await operator.lines()).find(({ message }) => message.includes("webhook's certificate"));
    expect(told).toMatchObject({
      level: 'warn',
      object: `${OPERATOR_NAMESPACE}/vservergroup-operator-webhook`,
    });
    expect(String(told?.['error'])).toContain('404');
    await operator.stop();
  });
});

/** Does what cert-manager's CA injector does. */
async function trust(pem: string): Promise<void> {
  const change = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: base64(pem) }];
  await env.api.patch(WEBHOOK_CONFIGURATION, change, 'json');
}

const warningsOf = (app: Workloads, fields: PodFields) =>
  warnings('POST', `${app.path('api/v1', 'pods')}?dryRun=All`, newPod(fields));

/** The warnings that kubectl would print. Rejects if the request is rejected. */
async function warnings(method: 'POST' | 'PATCH', path: string, body: object): Promise<string> {
  const { caFile, server, adminToken } = env.controlPlane;
  const agent = new Agent({ connect: { ca: await readFile(caFile, 'utf8') } });
  try {
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(`${server}${path}`, {
      dispatcher: agent,
      method,
      headers: {
        authorization: `Bearer ${adminToken}`,
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      },
      body: JSON.stringify(body),
    });
    if (statusCode >= 300) throw new Error(`${statusCode}: ${await answer.text()}`);
    await answer.dump();
    return [headers['warning'] ?? []].flat().join('\n');
  } finally {
    await agent.close();
  }
}
