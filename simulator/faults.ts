import type { Call } from './gateway/call.ts';
import { Gate } from './gateway/gate.ts';

/**
 * Kinds of faults. "Carried out" means that the action takes effect although the client cannot know.
 * - error: refused with `code`
 * - http-503: ServiceUnavailable as JSON; html-502: a proxy's page; json-500: JSON without Code
 * - hang: accepted, never answered, not carried out; applied-hang: the same, but carried out
 * - reset: connection reset before anything is done; applied-no-reply: carried out, then reset
 * - half-body: carried out, the reply breaks off in the middle
 * - stale-close: answered, but the connection is dead when the client uses it again
 * - delay: answered after an additional `delayMs`
 */
export const FAULT_KINDS = [
  'error',
  'http-503',
  'html-502',
  'json-500',
  'hang',
  'applied-hang',
  'reset',
  'applied-no-reply',
  'half-body',
  'stale-close',
  'delay',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly code?: string;
  readonly message?: string;
  readonly httpStatus?: number;
  readonly retryAfterMs?: number;
  readonly delayMs?: number;
}

export interface FaultRule extends Fault {
  /** Default: every action. */
  readonly action?: string;
  readonly group?: string;
  /** Applies to this share of the matching calls. Default 1. */
  readonly probability?: number;
  /** Applies to this many calls only. Default: until removed. */
  readonly times?: number;
  /** Only applies to calls that satisfy this predicate. */
  readonly when?: (call: Call) => boolean;
}

export interface Hook {
  readonly action?: string;
  readonly group?: string;
  /** Runs before the action takes effect. If it returns a fault, the fault is applied to the call. */
  readonly before?: (call: Call) => Promise<Fault | undefined> | Promise<void> | Fault | undefined | void;
  /** Runs after the action took effect and before the reply is sent; not for refused calls. */
  readonly after?: (call: Call) => Promise<void> | void;
}

/** Hooks (and gates) run first, then rules are tried, each in the order in which they were added. The first fault found decides. */
export class Faults {
  readonly seed: number;
  readonly #random: () => number;
  readonly #rules = new Map<number, { rule: FaultRule; left: number; hits: number }>();
  readonly #hooks = new Set<Hook>();
  readonly #gates = new Set<Gate>();
  #lastId = 0;

  constructor(seed: number, random: () => number) {
    this.seed = seed;
    this.#random = random;
  }

  /** Returns the rule's id for remove(). */
  add(rule: FaultRule): number {
    checkRule(rule);
    this.#lastId += 1;
    this.#rules.set(this.#lastId, { rule, left: rule.times ?? Number.POSITIVE_INFINITY, hits: 0 });
    return this.#lastId;
  }

  remove(id: number): boolean {
    return this.#rules.delete(id);
  }

  /** Removes every rule and hook and opens every gate. */
  clear(): void {
    this.#rules.clear();
    this.#hooks.clear();
    for (const gate of this.#gates) gate.release();
  }

  list(): { id: number; rule: FaultRule; hits: number }[] {
    return [...this.#rules].map(([id, { rule, hits }]) => ({ id, rule, hits }));
  }

  /** Returns a function that removes the hook. */
  hook(hook: Hook): () => void {
    this.#hooks.add(hook);
    return () => this.#hooks.delete(hook);
  }

  /** Holds the calls of an action (default: all actions) until the gate is released, before or after they take effect. */
  pause(options: { action?: string; group?: string; at?: 'before' | 'after' } = {}): Gate {
    const pass = (call: Call): Promise<void> => gate.pass(call);
    const { at = 'before', ...selection } = options;
    const remove = this.hook(
      at === 'before' ? { ...selection, before: pass } : { ...selection, after: pass },
    );
    const gate = new Gate(() => {
      remove();
      this.#gates.delete(gate);
    });
    this.#gates.add(gate);
    return gate;
  }

  /** Determines what happens to this call; waits for hooks. */
  async before(call: Call): Promise<Fault | undefined> {
    for (const hook of this.#hooks) {
      const fault = hook.before && selects(hook, call) ? await hook.before(call) : undefined;
      if (fault) return fault;
    }
    return this.#draw(call);
  }

  async after(call: Call): Promise<void> {
    for (const hook of this.#hooks) {
      if (hook.after && selects(hook, call)) await hook.after(call);
    }
  }

  #draw(call: Call): Fault | undefined {
    for (const [id, entry] of this.#rules) {
      const { rule } = entry;
      if (!selects(rule, call) || (rule.when && !rule.when(call))) continue;
      if (rule.probability !== undefined && this.#random() >= rule.probability) continue;
      entry.hits += 1;
      entry.left -= 1;
      if (entry.left <= 0) this.#rules.delete(id);
      return rule;
    }
    return undefined;
  }
}

function selects(selection: { action?: string; group?: string }, call: Call): boolean {
  const anyAction = selection.action === undefined || selection.action === '*';
  return (
    (anyAction || selection.action === call.action) &&
    (selection.group === undefined || selection.group === call.group)
  );
}

function checkRule(rule: FaultRule): void {
  const fail = (what: string): never => {
    throw new TypeError(`fault refused: ${what}`);
  };
  if (!FAULT_KINDS.includes(rule.kind)) fail(`kind must be one of ${FAULT_KINDS.join(', ')}`);
  if (rule.kind === 'error' && !rule.code) fail('kind error needs a code');
  if (rule.kind === 'delay' && !(Number(rule.delayMs) >= 0)) fail('kind delay needs delayMs');
  const { probability = 1, times = 1 } = rule;
  if (!(probability >= 0 && probability <= 1)) fail('probability must be between 0 and 1');
  if (!(Number.isInteger(times) && times >= 1)) fail('times must be a whole number from 1');
}
