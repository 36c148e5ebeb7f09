import { plural } from './words.js';

const APART_MS = 3000;

/** Announces one sentence to screen readers, at most every three seconds, so that a rolling restart does not talk without end. */
export class Announcer {
  #element;
  #counts = new Map();
  #timer;
  #lastAt = -APART_MS;

  constructor(element) {
    this.#element = element;
  }

  member({ what, group }) {
    if (what !== 'weight') this.#count(`${group} ${what}`, { group, what });
  }

  failure({ code }) {
    this.#count(`failed ${code}`, { code });
  }

  #count(key, about) {
    const counted = this.#counts.get(key) ?? { ...about, count: 0 };
    counted.count++;
    this.#counts.set(key, counted);
    const wait = Math.max(200, this.#lastAt + APART_MS - performance.now());
    this.#timer ??= setTimeout(() => this.#say(), wait);
  }

  #say() {
    this.#timer = undefined;
    this.#lastAt = performance.now();
    this.#element.textContent = [...this.#counts.values()].map(phrase).join('. ');
    this.#counts.clear();
  }
}

function phrase({ what, group, code, count }) {
  if (code !== undefined) return `${plural(count, 'call')} failed with ${code}`;
  if (what === 'draining') return `${plural(count, 'backend')} of ${group} set to weight 0`;
  return `${plural(count, 'backend')} ${what === 'joined' ? 'joined' : 'left'} ${group}`;
}
