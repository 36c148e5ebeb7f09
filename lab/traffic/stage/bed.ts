import { Environment } from '../../environment/environment.ts';
import { FOR_REAL_NODES, type RealNodes, startRealNodes } from '../../nodes/real-nodes.ts';
import { Recorder } from '../observe/recorder.ts';

export const NODES = ['real-1', 'real-2', 'real-3'] as const;

/** What all scenarios of a run share: a control plane with real nodes, the simulator, and the observers. */
export interface Bed {
  readonly env: Environment;
  readonly nodes: RealNodes;
  readonly recorder: Recorder;
  close(): Promise<void>;
}

export async function startBed(): Promise<Bed> {
  const addresses = new Map<string, string>();
  const env = await Environment.start({
    controlPlane: FOR_REAL_NODES,
    nodes: [],
    simulator: { latencyMs: 20, instanceAddresses: (instance) => addresses.get(instance) },
  });
  const nodes = await startRealNodes(env.controlPlane, { names: NODES }).catch(async (error: unknown) => {
    await env.close();
    throw error;
  });
  for (const { name, address } of nodes.all) addresses.set(`i-${name}`, address);
  const recorder = await Recorder.start(env.controlPlane.kubeconfig, env.simulator);
  const close = async () => {
    recorder.close();
    await nodes.stop();
    await env.close();
  };
  return { env, nodes, recorder, close };
}
