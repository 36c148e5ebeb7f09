import { TEST_SERVER_IMAGE } from './programs/images.ts';

/** What a pod of the test server does; go/test-server/main.go says what its paths do, on port 8080. */
export interface TestServerOptions {
  /** `stop` (default): ends at once. `drain`: takes no new connection and ends once all is answered. `ignore`: goes on. */
  readonly atSigterm?: 'stop' | 'drain' | 'ignore';
  /** Go durations, "2s": how long until it listens, and until it then is ready. Default: none. */
  readonly listenAfter?: string;
  readonly readyAfter?: string;
  /** Default 30, as Kubernetes has it. */
  readonly gracePeriodSeconds?: number;
  /** A sleep before SIGTERM. Default: none. */
  readonly preStopSeconds?: number;
  /** Of the container, as Kubernetes writes quantities. Default: none. */
  readonly memoryLimit?: string;
}

/** A pod's spec with the test server in it, its readiness and liveness looked at each second. */
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
