import type { Journal, JournalEntry } from '../../simulator/journal.ts';

const SHORT: Readonly<Record<string, string>> = {
  AddVServerGroupBackendServers: 'Add',
  RemoveVServerGroupBackendServers: 'Remove',
  SetVServerGroupAttribute: 'Set',
  DescribeVServerGroupAttribute: 'Describe',
};

export interface GroupCall {
  readonly action: string;
  /** `address or instance:port`, sorted. */
  readonly backends: readonly string[];
  readonly weights: readonly number[];
  readonly code: string;
}

/** The calls on one group since the recorder was created, in order of arrival. */
export class CallRecorder {
  readonly #journal: Journal;
  readonly #group: string;
  readonly #since: number;

  constructor(journal: Journal, group: string) {
    this.#journal = journal;
    this.#group = group;
    this.#since = journal.reduce((last, { seq }) => Math.max(last, seq), 0);
  }

  all(): readonly GroupCall[] {
    return this.#journal
      .filter(({ seq, group }) => seq > this.#since && group === this.#group)
      .sort((a, b) => a.seq - b.seq)
      .map(callOf);
  }

  of(...actions: readonly string[]): readonly GroupCall[] {
    return this.all().filter(({ action }) => actions.includes(action));
  }

  writes(): readonly GroupCall[] {
    return this.of('Add', 'Remove', 'Set');
  }

  /** Each in the form `Remove 10.9.0.1:8080`, for messages and for comparing whole sequences. */
  story(): readonly string[] {
    return this.writes().map(({ action, backends, code }) =>
      [action, ...backends, ...(code === 'OK' ? [] : [code])].join(' '),
    );
  }
}

function callOf({ action, backends, code }: JournalEntry): GroupCall {
  return {
    action: SHORT[action] ?? action,
    backends: backends.map(({ serverIp, serverId, port }) => `${serverIp || serverId}:${port}`).sort(),
    weights: backends.map(({ weight }) => weight),
    code,
  };
}
