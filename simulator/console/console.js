import { Announcer } from './announcer.js';
import { GroupsView } from './groups-view.js';
import { keyOf, Model } from './model.js';
import { TimelineView } from './timeline-view.js';
import { addressOf, plural } from './words.js';

/** The page is drawn at most ten times a second, however many events arrive. */
const DRAW_MS = 100;
const TICK_MS = 500;
const RETRY_MS = 1000;
const CALLS_AT_START = 300;
const OWN_BY_DEFAULT = 'vsgb/';

const byId = (id) => document.getElementById(id);
const model = new Model();
const announcer = new Announcer(byId('announcer'));
let own = new URLSearchParams(location.search).get('own') ?? OWN_BY_DEFAULT;
let selected;
let paused = false;
let callsWhenPaused = 0;
let drawing;

const groups = new GroupsView(byId('load-balancers'), byId('no-groups'), {
  isOwn: ({ description }) => own === '' || description.startsWith(own),
  isSelected: (group, key) => selected?.group === group && selected.key === key,
  onSelect: (group, key) =>
    select(selected?.group === group && selected.key === key ? undefined : { group, key }),
});
const timeline = new TimelineView({
  calls: byId('calls'),
  members: byId('members'),
  noMembers: byId('no-members'),
});

function drawSoon() {
  if (drawing === undefined) drawing = setTimeout(draw, DRAW_MS);
}

function draw() {
  drawing = undefined;
  drawTotals();
  if (paused) return;
  groups.render(model, Date.now());
  timeline.render(model, { selected, failedOnly: byId('failed-only').checked, keyOf });
}

function drawTotals() {
  const tiles = [...model.groups.values()]
    .flatMap((group) => [...group.tiles.values()])
    .filter((tile) => !tile.left);
  const isForeign = ({ row }) => own !== '' && !row.description.startsWith(own);
  const total = (name, count) => {
    byId(`total-${name}`).textContent = String(count);
  };
  total('serving', tiles.filter(({ row }) => row.weight > 0).length);
  total('draining', tiles.filter(({ row }) => row.weight === 0).length);
  total('foreign', tiles.filter(isForeign).length);
  total('calls', model.totalCalls);
  total('failed', model.calls.filter(({ code }) => code !== 'OK').length);
  const since = model.totalCalls - callsWhenPaused;
  byId('pause').textContent = paused ? `Resume (${plural(since, 'call')} since)` : 'Pause';
}

function select(backend) {
  selected = backend;
  const tile = backend && model.groups.get(backend.group)?.tiles.get(backend.key);
  byId('filter').hidden = !backend;
  byId('filter-name').textContent = tile ? `${addressOf(tile.row)} of ${backend.group}` : '';
  byId('filter-facts').textContent = tile
    ? [tile.row.serverId, tile.row.description].filter(Boolean).join(' · ')
    : '';
  groups.refresh(Date.now());
  timeline.clear();
  drawSoon();
}

function connect() {
  /** Events that arrived before the snapshot. */
  let waiting = [];
  let ended = false;
  const source = new EventSource('/_events');
  const take = (event, data) => {
    if (event === 'change') takeChange(data);
    else if (event === 'traffic') model.takeTraffic(data);
    else takeCall(data);
    drawSoon();
  };
  for (const event of ['change', 'call', 'traffic']) {
    source.addEventListener(event, ({ data }) => {
      const value = JSON.parse(data);
      if (waiting) waiting.push([event, value]);
      else take(event, value);
    });
  }
  const retry = () => {
    // The snapshot and the stream may both fail, but only one new connection is needed.
    if (ended) return;
    ended = true;
    source.close();
    tellConnection('lost', 'The simulator does not answer; trying again …');
    setTimeout(connect, RETRY_MS);
  };
  source.addEventListener('open', async () => {
    try {
      await takeSnapshot();
    } catch {
      retry();
      return;
    }
    if (ended) return;
    const late = waiting;
    waiting = undefined;
    for (const [event, value] of late) take(event, value);
    tellConnection('live', `Live from ${location.host}`);
    drawSoon();
  });
  source.addEventListener('error', retry);
}

async function takeSnapshot() {
  const [state, journal] = await Promise.all(
    ['/_state', `/_journal?limit=${CALLS_AT_START}`].map(async (path) => {
      const response = await fetch(path);
      if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
      return await response.json();
    }),
  );
  model.takeSnapshot(state, journal.entries);
}

function takeChange(change) {
  const before = model.members.at(-1);
  model.takeChange(change);
  const member = model.members.at(-1);
  if (member && member !== before) announcer.member(member);
}

function takeCall(entry) {
  model.takeCall(entry);
  if (entry.code !== 'OK') announcer.failure(entry);
}

function tellConnection(state, text) {
  const element = byId('connection');
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = text;
}

byId('own').value = own;
byId('own').addEventListener('input', ({ target }) => {
  own = target.value;
  groups.refresh(Date.now());
  drawSoon();
});
byId('controls').addEventListener('submit', (event) => event.preventDefault());
byId('failed-only').addEventListener('change', () => {
  timeline.clear();
  drawSoon();
});
byId('pause').addEventListener('click', () => {
  paused = !paused;
  callsWhenPaused = model.totalCalls;
  byId('pause').setAttribute('aria-pressed', String(paused));
  draw();
});
byId('show-all').addEventListener('click', () => {
  select(undefined);
  byId('timeline').focus();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && selected) select(undefined);
});

setInterval(() => {
  model.forgetLeft(Date.now());
  if (model.dirtyTiles.size > 0) drawSoon();
  if (!paused) groups.tick(Date.now());
}, TICK_MS);
connect();
