import { toKubernetesTime } from '../../api/conditions.ts';
import { OPERATOR, READINESS_GATE } from '../../api/names.ts';
import type { Clock } from '../../clock.ts';
import { hasStatus } from '../../kubernetes/client/api-error.ts';
import { METADATA_OBJECT } from '../../kubernetes/client/call.ts';
import type { KubeTransport } from '../../kubernetes/client/transport-types.ts';
import { resourceVersionOf } from '../../kubernetes/objects/metadata.ts';
import { type GatedPodObject, paths } from '../../kubernetes/objects/objects.ts';
import type { GateVerdict } from '../../membership/readiness/gate.ts';

export type GateToWrite = NonNullable<GateVerdict['gate']>;

const REQUEST_TIMEOUT_MS = 10_000;
/** A condition's, by the schema of Kubernetes. */
const LONGEST_MESSAGE = 32_768;

/** Writes the condition of our gate into the status of pods, and nothing else of them. */
export class GateWriter {
  readonly #transport: Pick<KubeTransport, 'request'>;
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #fieldManager: string;
  readonly #closed = new AbortController();

  constructor(
    transport: Pick<KubeTransport, 'request'>,
    clock: Pick<Clock, 'wall'>,
    fieldManager: string = OPERATOR,
  ) {
    this.#transport = transport;
    this.#clock = clock;
    this.#fieldManager = fieldManager;
  }

  /**
   * Resolves with the pod's version then, or undefined if the pod is gone. The uid keeps it from another pod of that name, as it does
   * in the kubelet's own patches; an omitted time stays unchanged.
   */
  async write(pod: GatedPodObject, { open, reason, message }: GateToWrite): Promise<string | undefined> {
    const { namespace, name, uid, gate } = pod;
    const turns = gate?.open !== open;
    const condition = {
      type: READINESS_GATE,
      status: open ? 'True' : 'False',
      reason,
      message: message.slice(0, LONGEST_MESSAGE),
      ...(turns && { lastTransitionTime: toKubernetesTime(this.#clock.wall()) }),
    };
    try {
      const path = `${paths.pods(namespace)}/${encodeURIComponent(name)}/status`;
      const written = await this.#transport.request('PATCH', path, {
        body: { metadata: { uid }, status: { conditions: [condition] } },
        contentType: 'application/strategic-merge-patch+json',
        query: { fieldManager: this.#fieldManager },
        accept: METADATA_OBJECT,
        timeoutMs: REQUEST_TIMEOUT_MS,
        signal: this.#closed.signal,
      });
      return resourceVersionOf(written);
    } catch (error) {
      if (hasStatus(error, 404) || isOfAnother(error)) return undefined;
      throw error;
    }
  }

  /** Cuts what is in flight. */
  close(): void {
    this.#closed.abort(new Error('readiness gates are written no longer'));
  }
}

/** The API server takes the uid for one that is to be changed (seen on 1.36). */
function isOfAnother(error: unknown): boolean {
  return hasStatus(error, 422) && String(error).includes('metadata.uid');
}
