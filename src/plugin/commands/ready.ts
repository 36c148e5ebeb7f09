import { PLUGIN, READINESS_GATE } from '../../api/names.ts';
import { GateWriter } from '../../controller/readiness/gate-writer.ts';
import { hasStatus } from '../../kubernetes/client/api-error.ts';
import { type GatedPodObject, paths, transformGatedPod } from '../../kubernetes/objects/objects.ts';
import { namespaceOf } from '../bindings.ts';
import { type Command, type CommandCall, DONE, FAILED } from '../command.ts';
import { KUBERNETES } from '../flags.ts';
import { answer, type Column } from '../output/table.ts';

const BY_HAND = {
  open: true,
  reason: 'ByHand',
  message: 'opened by kubectl vsgb ready, whether or not the pod is in its groups',
} as const;

export const ready: Command = {
  name: 'ready',
  summary: 'Open the readiness gate of pods by hand, when no operator does.',
  arguments: 'POD...',
  fewest: 1,
  most: Number.POSITIVE_INFINITY,
  completes: 'pods',
  details: `kubectl vsgb ready web-0
kubectl vsgb ready -n shop $(kubectl get pods -n shop -l app=web -o name)

Sets the condition ${READINESS_GATE} of the pods to True, ${BY_HAND.reason}. A pod
that waits for nothing else becomes Ready, in its groups or not. The operator later adds it and leaves the gate open, unless
the pod fails its probe. Needs no operator and no cloud credentials, but to get pods and patch pods/status.`,
  exitCodes: {
    [DONE]: 'the gates of all of them are open',
    [FAILED]: 'not of all: no such pod, no gate, the pod is terminating, or the API server refused',
  },
  flags: ['namespace', 'output', ...KUBERNETES],
  async run(call) {
    const { args, options, terminal } = call;
    const namespace = namespaceOf(call);
    const names = new Set(args.map(withoutKind));
    const rows: Row[] = [];
    for (const name of names) {
      try {
        rows.push(await open(call, namespace, name));
      } catch (error) {
        call.signal.throwIfAborted();
        terminal.note(`error: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (rows.length > 0)
      answer(terminal, options.own('output'), rows, { rows, columns: COLUMNS, empty: 'no pod' });
    return rows.length === names.size ? DONE : FAILED;
  },
};

/** Strips the kind: `kubectl get -o name` prints `pod/web-0`. */
function withoutKind(arg: string): string {
  return arg.replace(/^pods?\//, '');
}

interface Row {
  readonly namespace: string;
  readonly pod: string;
  readonly gate: 'opened' | 'was open';
  /** What else keeps the pod from becoming Ready. */
  readonly waitsFor: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAMESPACE', cell: ({ namespace }) => namespace },
  { title: 'POD', cell: ({ pod }) => pod },
  { title: 'GATE', cell: ({ gate }) => ({ text: gate, style: 'good' }) },
  { title: 'WAITS-FOR', cell: ({ waitsFor }) => ({ text: waitsFor, style: 'warn' }) },
];

async function open(call: CommandCall, namespace: string, name: string): Promise<Row> {
  const pod = await gatedPod(call, namespace, name);
  const waitsFor = pod.registrable ? '' : 'its containers, or other gates';
  if (pod.gate?.open) return { namespace, pod: name, gate: 'was open', waitsFor };
  const writer = new GateWriter(call.cluster().transport, call.clock, PLUGIN);
  const written = await writer.write(pod, BY_HAND);
  if (written === undefined) throw new Error(`pod ${name} in namespace ${namespace} is gone`);
  return { namespace, pod: name, gate: 'opened', waitsFor };
}

/** Returns the pod if its gate may be opened, and throws otherwise. */
async function gatedPod(call: CommandCall, namespace: string, name: string): Promise<GatedPodObject> {
  const path = `${paths.pods(namespace)}/${encodeURIComponent(name)}`;
  const object = await call
    .cluster()
    .transport.request('GET', path, { signal: call.signal })
    .catch((error: unknown) => {
      if (!hasStatus(error, 404)) throw error;
      throw new Error(
        `there is no pod ${name} in namespace ${namespace}; kubectl get pods -n ${namespace} lists them`,
      );
    });
  const pod = transformGatedPod(object);
  if (pod === undefined)
    throw new Error(
      `pod ${name} has no readiness gate ${READINESS_GATE}: it does not wait for a load balancer`,
    );
  if (pod.leaving) throw new Error(`pod ${name} is terminating: its gate stays as it is`);
  return pod;
}
