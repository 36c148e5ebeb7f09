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
/** The maximum length of a condition's message in Kubernetes. */
const LONGEST_MESSAGE = 32_768;

/** Writes the condition of our gate into the status of pods, and nothing else. */
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
   * Resolves to the pod's new resourceVersion, or to undefined if the pod is gone. The uid protects another pod of the same
   * name, as in the kubelet's own patches; an omitted transition time stays unchanged.
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

  /** Aborts requests in flight. */
  close(): void {
    this.#closed.abort(new Error('readiness gates are written no longer'));
  }
}

/** The API server takes a uid that is not the pod's for an attempt to change it (seen on 1.36). */
function isOfAnother(error: unknown): boolean {
  return hasStatus(error, 422) && String(error).includes('metadata.uid');
}
