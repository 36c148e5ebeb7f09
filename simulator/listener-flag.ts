import type { Behaviour } from './data-plane/behaviour.ts';
import { behaviourOf, type ListenerOptions } from './data-plane/listener-options.ts';
import { parseDuration } from './duration.ts';
import { HEALTHY_CODES, type HealthCheckConfiguration, SCHEDULERS } from './state/listeners.ts';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** What the options of a flag have set so far. */
interface Draft {
  readonly behaviour: Mutable<Partial<Behaviour>>;
  readonly listener: Mutable<Partial<ListenerOptions>>;
  readonly check: Mutable<Partial<HealthCheckConfiguration>>;
  checked: boolean;
}

type Option = (draft: Draft, text: string) => void;

const BEHAVIOUR_OPTIONS: Readonly<Record<string, Option>> = {
  machines: ({ behaviour }, text) => {
    behaviour.machines = wholeNumber(text);
  },
  propagation: ({ behaviour }, text) => {
    const [min = '', max] = text.split('-');
    behaviour.propagationMs =
      max === undefined ? parseDuration(min) : [parseDuration(min), parseDuration(max)];
  },
  'on-remove': ({ behaviour }, text) => {
    behaviour.onRemove = oneOf(text, ['reset', 'keep'] as const);
  },
  'sticky-at-weight-zero': ({ behaviour }, text) => {
    behaviour.stickyAtWeightZero = oneOf(text, ['yes', 'no'] as const) === 'yes';
  },
  'before-first-check': ({ behaviour }, text) => {
    behaviour.beforeFirstCheck = oneOf(text, ['used', 'unused'] as const);
  },
  'when-all-unhealthy': ({ behaviour }, text) => {
    behaviour.whenAllUnhealthy = oneOf(text, ['none', 'all'] as const);
  },
  'after-refusal': ({ behaviour }, text) => {
    behaviour.afterRefusal = oneOf(text, ['error', 'next'] as const);
  },
  'after-syn-timeout': ({ behaviour }, text) => {
    behaviour.afterSynTimeout = oneOf(text, ['error', 'next'] as const);
  },
  'syn-timeout': ({ behaviour }, text) => {
    behaviour.synTimeoutMs = parseDuration(text);
  },
};

const LISTENER_OPTIONS: Readonly<Record<string, Option>> = {
  ...BEHAVIOUR_OPTIONS,
  scheduler: ({ listener }, text) => {
    listener.scheduler = oneOf(text, SCHEDULERS);
  },
  persistence: ({ listener }, text) => {
    listener.persistenceMs = parseDuration(text);
  },
  cookie: ({ listener }, text) => {
    listener.cookieMs = parseDuration(text);
  },
  drain: ({ listener }, text) => {
    listener.drainMs = parseDuration(text);
  },
  idle: ({ listener }, text) => {
    listener.idleMs = parseDuration(text);
  },
  request: ({ listener }, text) => {
    listener.requestMs = parseDuration(text);
  },
  check: (draft, text) => {
    const match = /^(off|tcp|http)(?:(?<=http):(\/.*))?$/.exec(text);
    if (!match) throw new RangeError(`must be off, tcp, http or http:/PATH, not "${text}"`);
    const [, type, path] = match;
    if (type === 'off') draft.checked = false;
    else draft.check.type = type as 'tcp' | 'http';
    if (path !== undefined) draft.check.path = path;
  },
  'check-method': ({ check }, text) => {
    check.method = oneOf(text, ['HEAD', 'GET'] as const);
  },
  'check-codes': ({ check }, text) => {
    check.codes = text.split('+').map((code) => oneOf(code, HEALTHY_CODES));
  },
  'check-port': ({ check }, text) => {
    check.port = wholeNumber(text);
  },
  'check-interval': ({ check }, text) => {
    check.intervalMs = parseDuration(text);
  },
  'check-timeout': ({ check }, text) => {
    check.timeoutMs = parseDuration(text);
  },
  healthy: ({ check }, text) => {
    check.healthyThreshold = wholeNumber(text);
  },
  unhealthy: ({ check }, text) => {
    check.unhealthyThreshold = wholeNumber(text);
  },
};

/** Parses `tcp:PORT=GROUP,option=value,…`. An error says what is wrong; the caller adds the name of the flag. */
export function parseListener(text: string): ListenerOptions {
  const [head = '', ...options] = text.split(',');
  const match = /^(tcp|http):(\d{1,5})=(.+)$/.exec(head);
  if (!match || Number(match[2]) > 65_535) {
    throw new RangeError(`must be tcp:PORT=GROUP or http:PORT=GROUP, not "${text}"`);
  }
  const protocol = match[1] as 'tcp' | 'http';
  const { behaviour, listener, check, checked } = parseOptions(options, LISTENER_OPTIONS);
  // Report values that are out of bounds now, not when the listener is created.
  behaviourOf(protocol, {}, behaviour);
  const healthCheck = checked ? check : false;
  return {
    protocol,
    port: Number(match[2]),
    group: match[3] as string,
    ...behaviour,
    ...listener,
    healthCheck,
  };
}

export function parseForwarding(text: string): Partial<Behaviour> {
  const { behaviour } = parseOptions(text === '' ? [] : text.split(','), BEHAVIOUR_OPTIONS);
  behaviourOf('tcp', {}, behaviour);
  return behaviour;
}

function parseOptions(options: readonly string[], known: Readonly<Record<string, Option>>): Draft {
  const draft: Draft = { behaviour: {}, listener: {}, check: {}, checked: true };
  for (const option of options) {
    const cut = option.indexOf('=');
    const name = cut < 0 ? option : option.slice(0, cut);
    const set = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!set || cut < 0) {
      throw new RangeError(
        `knows no "${option}"; options are ${Object.keys(known).join(', ')}, each as NAME=VALUE`,
      );
    }
    try {
      set(draft, option.slice(cut + 1));
    } catch (error) {
      throw new RangeError(`${name} ${(error as Error).message}`);
    }
  }
  return draft;
}

function oneOf<T extends string>(text: string, values: readonly T[]): T {
  const known = values.find((value) => value === text);
  if (known === undefined) throw new RangeError(`must be one of ${values.join(', ')}, not "${text}"`);
  return known;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new RangeError(`must be a whole number from 1 on, not "${text}"`);
  return Number(text);
}
