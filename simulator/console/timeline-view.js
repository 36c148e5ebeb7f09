import { addressOf, clockTime, duration, element, shortAction } from './words.js';

const SHOWN = 200;
const WORDS = { joined: 'joined', draining: 'draining', left: 'left', weight: 'weight' };

/** A list with the latest entry on top. Existing rows are kept; new rows are prepended all at once. */
class Log {
  #root;
  #row;
  #drawn = new Map();

  constructor(root, row) {
    this.#root = root;
    this.#row = row;
  }

  /** `entries`: the latest is last. */
  render(entries, idOf) {
    const wanted = entries.slice(-SHOWN);
    const fresh = wanted.filter((entry) => !this.#drawn.has(idOf(entry)));
    const rows = fresh.map((entry) => {
      const row = this.#row(entry);
      this.#drawn.set(idOf(entry), row);
      return row;
    });
    this.#root.prepend(...rows.reverse());
    const ids = new Set(wanted.map(idOf));
    for (const [id, row] of this.#drawn) {
      if (ids.has(id)) continue;
      row.remove();
      this.#drawn.delete(id);
    }
  }

  clear() {
    this.#root.replaceChildren();
    this.#drawn.clear();
  }
}

export class TimelineView {
  #calls;
  #members;
  #noMembers;

  constructor({ calls, members, noMembers }) {
    this.#calls = new Log(calls, callRow);
    this.#members = new Log(members, memberItem);
    this.#noMembers = noMembers;
  }

  render(model, { selected, failedOnly, keyOf }) {
    const calls = model.calls.filter(
      ({ code, group, backends }) =>
        (!failedOnly || code !== 'OK') &&
        (!selected || (group === selected.group && backends.some((one) => keyOf(one) === selected.key))),
    );
    const members = model.members.filter(
      ({ group, key }) => !selected || (group === selected.group && key === selected.key),
    );
    this.#calls.render(calls, ({ requestId }) => requestId);
    // A member's row is replaced once the call that caused the change has reported its duration.
    this.#members.render(members, ({ id, version }) => `${id} ${version}`);
    this.#noMembers.hidden = members.length > 0;
  }

  clear() {
    this.#calls.clear();
    this.#members.clear();
  }
}

function callRow({ time, action, group, count, code, durationMs, requestId }) {
  const short = element('td', { text: shortAction(action), title: action, class: 'action' });
  return element('tr', { 'data-failed': String(code !== 'OK'), title: `request ${requestId}` }, [
    element('td', { text: clockTime(time), class: 'time' }),
    short,
    element('td', { text: group || '–' }),
    element('td', { text: count > 0 ? String(count) : '–', class: 'number' }),
    element('td', { text: code, class: 'code' }),
    element('td', { text: duration(durationMs), class: 'number' }),
  ]);
}

function memberItem(member) {
  const { what, group, row, time } = member;
  return element('li', { 'data-what': what }, [
    element('span', { class: 'time', text: clockTime(time) }),
    element('span', { class: 'what', text: WORDS[what] }),
    element('span', { class: 'address', text: addressOf(row) }),
    element('span', { class: 'facts', text: facts(member, group, row).join(' · ') }),
  ]);
}

function facts({ what, from, drainedMs, callMs }, group, row) {
  const said = [group];
  if (what === 'joined') said.push(`weight ${row.weight}`);
  if (what === 'weight' || what === 'draining') said.push(`weight ${from} → ${row.weight}`);
  if (what === 'left')
    said.push(drainedMs === undefined ? 'without drain' : `${duration(drainedMs)} after weight 0`);
  said.push(callMs === undefined ? 'by hand' : `call ${duration(callMs)}`);
  return said;
}
