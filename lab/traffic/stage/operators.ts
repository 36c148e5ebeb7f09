import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateSupervise } from '../../control-plane/build/build.ts';
import { SupervisedProcess } from '../../control-plane/process/supervised-process.ts';
import { allowGates } from '../../environment/allow-gates.ts';
import { type Environment, OPERATOR_NAMESPACE } from '../../environment/environment.ts';
import type { OperatorProcess } from '../../environment/operator-process.ts';
import { waitUntil } from '../../time/wait-until.ts';

const LEASE = 'vservergroup-operator';
const ELECTED = ['--leader-elect', '--leader-elect-namespace', OPERATOR_NAMESPACE];

/** The operator under test: whatever keeps the groups in sync with the cluster. */
export interface Operators {
  /** `gated`: they open readiness gates. */
  start(replicas: number, gated: boolean): Promise<void>;
  /** Stops them as Kubernetes stops a pod. */
  stop(): Promise<void>;
  /** Kills the leader with SIGKILL; another replica takes its place. */
  killLeader(): Promise<void>;
}

/** This operator, as shipped. */
export class OwnOperators implements Operators {
  readonly #env: Environment;
  #running: OperatorProcess[] = [];

  constructor(env: Environment) {
    this.#env = env;
  }

  async start(replicas: number, gated: boolean): Promise<void> {
    if (gated) await allowGates(this.#env.api);
    const flags = [
      ...['--log-level', 'info', `--readiness-gates=${gated}`],
      ...(replicas > 1 ? ELECTED : []),
    ];
    const first = await this.#env.startOperator({ flags });
    this.#running = [first];
    while (this.#running.length < replicas) this.#running.push(await this.#env.startOperator({ flags }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((operator) => operator.stop()));
    this.#running = [];
  }

  async killLeader(): Promise<void> {
    const leader = await waitUntil('an operator to lead', () => this.#leader());
    this.#running = this.#running.filter((operator) => operator !== leader);
    await leader.kill();
  }

  async #leader(): Promise<OperatorProcess | undefined> {
    for (const operator of this.#running)
      if ((await operator.metric(`leader_election_master_status{name="${LEASE}"}`)) === 1) return operator;
    return undefined;
  }
}

interface Running {
  readonly process: SupervisedProcess;
  readonly dir: string;
}

/** Any other operator, started by a command; docs/traffic.md lists the environment variables it gets. */
export class ForeignOperators implements Operators {
  readonly #env: Environment;
  readonly #command: string;
  #running: Running[] = [];

  constructor(env: Environment, command: string) {
    this.#env = env;
    this.#command = command;
  }

  async start(replicas: number): Promise<void> {
    const supervise = await locateSupervise();
    const { controlPlane, simulator } = this.#env;
    while (this.#running.length < replicas) {
      const dir = await mkdtemp(join(tmpdir(), 'operator-'));
      const process = await SupervisedProcess.start({
        supervise,
        command: ['sh', '-c', `exec ${this.#command}`],
        logFile: join(dir, 'log'),
        env: {
          KUBECONFIG: controlPlane.kubeconfig,
          SLB_ENDPOINT: simulator.url,
          ECS_ENDPOINT: simulator.url,
          REGION_ID: 'cn-hangzhou',
          VPC_ID: 'vpc-1',
          ALIBABA_CLOUD_ACCESS_KEY_ID: 'testid',
          ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'testsecret',
        },
        scratch: dir,
      });
      this.#running.push({ process, dir });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((one) => this.#end(one, 'SIGTERM')));
    this.#running = [];
  }

  /** Nobody can tell from outside which of several leads, so the first one started is killed. */
  async killLeader(): Promise<void> {
    const [leader, ...others] = this.#running;
    if (leader === undefined) throw new Error('no operator is running');
    this.#running = others;
    await this.#end(leader, 'SIGKILL');
  }

  async #end({ process, dir }: Running, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await process.stop(signal, 15_000);
    await rm(dir, { recursive: true, force: true });
  }
}
