import { TEST_SERVER_IMAGE } from './programs/images.ts';

/** What a pod of the test server does. Its paths, on port 8080, are described in go/test-server/main.go. */
export interface TestServerOptions {
  /** `stop` (default): ends at once. `drain`: takes no new connections and ends once all requests are answered. `ignore`: goes on. */
  readonly atSigterm?: 'stop' | 'drain' | 'ignore';
  /** Go durations such as "2s": how long until it listens, and from then until it is ready. Default: none. */
  readonly listenAfter?: string;
  readonly readyAfter?: string;
  /** Default: 30, as in Kubernetes. */
  readonly gracePeriodSeconds?: number;
  /** Sleep before SIGTERM. Default: none. */
  readonly preStopSeconds?: number;
  /** Memory limit of the container, as a Kubernetes quantity. Default: none. */
  readonly memoryLimit?: string;
}

/** The spec of a pod that runs the test server, with readiness and liveness probes every second. */
export function testServerPod(options: TestServerOptions = {}): Readonly<Record<string, unknown>> {
  const { atSigterm = 'stop', listenAfter = '0s', readyAfter = '0s', gracePeriodSeconds = 30 } = options;
  const { preStopSeconds, memoryLimit } = options;
  const env = { AT_SIGTERM: atSigterm, LISTEN_AFTER: listenAfter, READY_AFTER: readyAfter };
  return {
    terminationGracePeriodSeconds: gracePeriodSeconds,
    containers: [
      {
        name: 'app',
        image: TEST_SERVER_IMAGE,
        ports: [{ name: 'http', containerPort: 8080 }],
        env: Object.entries(env).map(([name, value]) => ({ name, value })),
        readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
        livenessProbe: { httpGet: { path: '/livez', port: 'http' }, periodSeconds: 1, failureThreshold: 3 },
        ...(preStopSeconds !== undefined && {
          lifecycle: { preStop: { sleep: { seconds: preStopSeconds } } },
        }),
        ...(memoryLimit !== undefined && { resources: { limits: { memory: memoryLimit } } }),
      },
    ],
  };
}
