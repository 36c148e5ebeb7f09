import { addressOf, duration, element, plural, trafficWords } from './words.js';

/** Load balancers, their groups, and a tile for each backend. Only tiles that changed are touched. */
export class GroupsView {
  #root;
  #empty;
  #options;
  #groups = new Map();

  /** The page supplies `isOwn(row)`, `isSelected(group, key)` and `onSelect(tile, group)`. */
  constructor(root, empty, options) {
    this.#root = root;
    this.#empty = empty;
    this.#options = options;
    root.addEventListener('keydown', (event) => this.#walk(event));
  }

  render(model, now) {
    if (model.listChanged) this.#renderList(model, now);
    for (const [id, keys] of model.dirtyTiles) {
      const view = this.#groups.get(id);
      if (view) for (const key of keys) this.#renderTile(view, key, now);
    }
    for (const id of model.dirtyTiles.keys()) this.#renderCounts(this.#groups.get(id));
    model.dirtyTiles.clear();
    model.listChanged = false;
  }

  /** Renders everything again, after the rule of what is foreign or the selection has changed. */
  refresh(now) {
    for (const view of this.#groups.values()) {
      for (const key of view.tiles.keys()) this.#renderTile(view, key, now);
      this.#renderCounts(view);
    }
  }

  /** Updates the seconds shown on draining tiles. */
  tick(now) {
    for (const view of this.#groups.values()) {
      for (const [key, { drainingSince, left }] of view.group.tiles) {
        if (drainingSince !== undefined && !left) this.#renderTile(view, key, now);
      }
    }
  }

  #renderList(model, now) {
    this.#empty.hidden = model.loadBalancers.size > 0;
    const byLoadBalancer = Map.groupBy(model.groups.values(), ({ loadBalancer }) => loadBalancer);
    // Read before the sections move, because moving them loses the focus.
    const focused = document.activeElement;
    const before = this.#groups;
    this.#groups = new Map();
    const sections = [...model.loadBalancers.values()].map((loadBalancer) => {
      const groups = byLoadBalancer.get(loadBalancer.id) ?? [];
      return this.#loadBalancer(loadBalancer, groups, before, now);
    });
    this.#root.replaceChildren(...sections);
    if (focused instanceof HTMLElement && this.#root.contains(focused))
      focused.focus({ preventScroll: true });
  }

  #loadBalancer({ id, status, regionId }, groups, before, now) {
    const facts = [status, regionId, plural(groups.length, 'group')].filter(Boolean).join(' · ');
    const heading = element('h3', { text: id, id: `lb-${id}` });
    const children = groups.map((group) => this.#group(group, before.get(group.id), now));
    return element('section', { class: 'load-balancer', 'aria-labelledby': `lb-${id}` }, [
      element('div', { class: 'heading' }, [heading, element('p', { class: 'facts', text: facts })]),
      ...children,
    ]);
  }

  #group(group, known, now) {
    const view = known ?? this.#newGroup(group);
    view.group = group;
    this.#groups.set(group.id, view);
    for (const key of new Set([...view.tiles.keys(), ...group.tiles.keys()]))
      this.#renderTile(view, key, now);
    this.#renderCounts(view);
    return view.section;
  }

  #newGroup({ id, name }) {
    const list = element('ul', {
      class: 'tiles',
      'aria-labelledby': `group-${id}`,
      'aria-describedby': 'tile-hint',
    });
    const counts = element('p', { class: 'facts' });
    const title = name === id ? id : `${name} (${id})`;
    const heading = element('h4', { text: title, id: `group-${id}` });
    const section = element(
      'section',
      { class: 'group', 'data-group': id, tabindex: '-1', 'aria-labelledby': `group-${id}` },
      [element('div', { class: 'heading' }, [heading, counts]), list],
    );
    return { section, list, counts, tiles: new Map() };
  }

  #renderCounts(view) {
    if (!view) return;
    const tiles = [...view.group.tiles.values()].filter(({ left }) => !left);
    const draining = tiles.filter(({ row }) => row.weight === 0).length;
    const foreign = tiles.filter(({ row }) => !this.#options.isOwn(row)).length;
    const facts = [plural(tiles.length, 'backend')];
    if (draining > 0) facts.push(`${draining} with weight 0`);
    if (foreign > 0) facts.push(`${foreign} foreign`);
    if (view.group.traffic) facts.push(trafficWords(view.group.traffic));
    setText(view.counts, facts.join(' · '));
  }

  #renderTile(view, key, now) {
    const tile = view.group.tiles.get(key);
    const known = view.tiles.get(key);
    if (!tile) {
      if (known) this.#dropTile(view, key, known);
      return;
    }
    const parts = known ?? this.#newTile(view, key);
    const { row, left, traffic } = tile;
    const state = left ? 'left' : row.weight === 0 ? 'draining' : 'serving';
    const { button, address, weight, note, rateComma, rate } = parts;
    button.dataset.state = state;
    button.dataset.foreign = String(!this.#options.isOwn(row));
    button.setAttribute('aria-pressed', String(this.#options.isSelected(view.group.id, key)));
    button.title = `${row.serverId}${row.description ? ` · ${row.description}` : ''}`;
    setText(address, addressOf(row));
    setText(weight, String(row.weight));
    setText(note, [...this.#notes(tile, state, now)].join(', '));
    setText(rate, trafficWords(traffic));
    setText(rateComma, traffic ? ', ' : '');
    rate.dataset.failed = String((traffic?.failedPerSecond ?? 0) > 0);
  }

  *#notes({ row, left, drainingSince }, state, now) {
    if (!this.#options.isOwn(row)) yield 'foreign';
    if (state === 'serving') yield 'in service';
    if (state === 'draining') {
      // Whole seconds while draining lasts: tenths would flicker.
      yield drainingSince === undefined
        ? 'weight 0'
        : `draining ${Math.max(0, Math.floor((now - drainingSince) / 1000))} s`;
    }
    if (state === 'left')
      yield left.drainedMs === undefined ? 'removed' : `removed after ${duration(left.drainedMs)}`;
  }

  #newTile(view, key) {
    const address = element('span', { class: 'address' });
    const weight = element('span', { class: 'weight' });
    const note = element('span', { class: 'note' });
    const rate = element('span', { class: 'rate' });
    const label = element('span', { class: 'unseen', text: ', weight ' });
    const comma = element('span', { class: 'unseen', text: ', ' });
    const rateComma = element('span', { class: 'unseen' });
    const tabindex = view.tiles.size === 0 ? '0' : '-1';
    const button = element('button', { type: 'button', class: 'tile', tabindex }, [
      address,
      label,
      weight,
      comma,
      note,
      rateComma,
      rate,
    ]);
    const item = element('li', {}, [button]);
    const parts = { item, button, address, weight, note, rateComma, rate };
    button.addEventListener('click', () => this.#options.onSelect(view.group.id, key));
    button.addEventListener('focus', () => moveTabStop(view.list, button));
    view.tiles.set(key, parts);
    view.list.append(item);
    return parts;
  }

  /** If the tile had the focus, it moves to a neighbour rather than to the top of the page. */
  #dropTile(view, key, { item, button }) {
    const neighbour = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector('button');
    const hadFocus = document.activeElement === button;
    if (neighbour && button.tabIndex === 0) neighbour.tabIndex = 0;
    if (hadFocus) (neighbour ?? view.section).focus({ preventScroll: true });
    item.remove();
    view.tiles.delete(key);
  }

  /** Arrow keys, Home and End move within a group, so a group is a single Tab stop, however many backends it has. */
  #walk(event) {
    const button = event.target.closest?.('button.tile');
    if (!button || event.ctrlKey || event.altKey || event.metaKey) return;
    const buttons = [...button.closest('ul').querySelectorAll('button.tile')];
    const next = neighbourOf(buttons, button, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

function neighbourOf(buttons, button, key) {
  const index = buttons.indexOf(button);
  const sameColumn = (other) => Math.abs(other.offsetLeft - button.offsetLeft) < 2;
  switch (key) {
    case 'ArrowRight':
      return buttons[index + 1];
    case 'ArrowLeft':
      return buttons[index - 1];
    case 'ArrowDown':
      return buttons.slice(index + 1).find(sameColumn) ?? buttons[index + 1];
    case 'ArrowUp':
      return buttons.slice(0, index).findLast(sameColumn) ?? buttons[index - 1];
    case 'Home':
      return buttons[0];
    case 'End':
      return buttons.at(-1);
  }
}

function moveTabStop(list, button) {
  for (const other of list.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1;
  button.tabIndex = 0;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
