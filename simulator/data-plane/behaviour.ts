/**
 * Undocumented aspects of how a listener forwards; the user of the simulator chooses them. The defaults are the unkind ones: a client that
 * loses nothing with them loses nothing with the others. README.md explains each option.
 */
export interface Behaviour {
  /** Number of machines that forward for the load balancer. Each learns of changes on its own; connections are spread over all of them. */
  readonly machines: number;
  /** How long after a change a machine acts on it: a fixed time, or a random one between two bounds. */
  readonly propagationMs: number | readonly [min: number, max: number];
  /** What happens to established connections of a removed row if the listener has no connection drain. */
  readonly onRemove: 'reset' | 'keep';
  /** Whether a client that sticks to a row (PersistenceTimeout, cookie) still reaches it if the row's weight is 0. */
  readonly stickyAtWeightZero: boolean;
  /** Whether a new row is used before its health is known. */
  readonly beforeFirstCheck: 'used' | 'unused';
  /** Which rows get requests if none is healthy. */
  readonly whenAllUnhealthy: 'none' | 'all';
  /** What happens after a row refuses a connection. */
  readonly afterRefusal: 'error' | 'next';
  /** What happens if a connection to a row gets no answer. For HTTP, trying the next row is documented; for TCP nothing is. */
  readonly afterSynTimeout: 'error' | 'next';
  /** Documented as 5 s for HTTP. */
  readonly synTimeoutMs: number;
}

export function defaultBehaviour(protocol: 'tcp' | 'http'): Behaviour {
  return {
    machines: 2,
    propagationMs: [0, 10_000],
    onRemove: 'reset',
    stickyAtWeightZero: true,
    beforeFirstCheck: 'used',
    whenAllUnhealthy: 'none',
    afterRefusal: 'error',
    afterSynTimeout: protocol === 'http' ? 'next' : 'error',
    synTimeoutMs: 5000,
  };
}

/** Throws a RangeError that names the option. */
export function checkBehaviour(behaviour: Behaviour): void {
  const { machines, propagationMs, synTimeoutMs } = behaviour;
  if (!Number.isInteger(machines) || machines < 1 || machines > 100) {
    throw new RangeError(`machines must be a whole number from 1 to 100, not ${machines}`);
  }
  const [min, max] = propagationRange(propagationMs);
  if (!(min >= 0 && max >= min && max < Number.POSITIVE_INFINITY)) {
    throw new RangeError(
      `propagationMs must be a duration or [min, max], not ${JSON.stringify(propagationMs)}`,
    );
  }
  if (!(synTimeoutMs > 0)) throw new RangeError(`synTimeoutMs must be above 0, not ${synTimeoutMs}`);
}

export function propagationRange(
  propagation: Behaviour['propagationMs'],
): readonly [min: number, max: number] {
  return typeof propagation === 'number' ? [propagation, propagation] : propagation;
}
