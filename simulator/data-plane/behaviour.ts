/**
 * What no page tells of how a listener forwards, to be chosen by who runs the simulator. The defaults are the unkind
 * ones: a client that loses nothing with them loses nothing with the others. README.md explains each.
 */
export interface Behaviour {
  /** Machines that forward for the load balancer. Each learns of a change by itself; connections are spread over them. */
  readonly machines: number;
  /** How long after a change a machine acts on it: always so long, or at random between two. */
  readonly propagationMs: number | readonly [min: number, max: number];
  /** Established connections of a row that was removed, where the listener has no connection drain. */
  readonly onRemove: 'reset' | 'keep';
  /** Whether a client that sticks to a row (PersistenceTimeout, cookie) still gets there when the row's weight is 0. */
  readonly stickyAtWeightZero: boolean;
  /** A new row before its health is known. */
  readonly beforeFirstCheck: 'used' | 'unused';
  /** Which rows get requests when none is healthy. */
  readonly whenAllUnhealthy: 'none' | 'all';
  /** What follows a refused connection to a row. */
  readonly afterRefusal: 'error' | 'next';
  /** What follows a connection to a row that nobody answers. HTTP: the next row is documented; TCP: it is not. */
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
