/** `10.0.0.7:8080`, `[fd00::7]:8080` or `i-abc:8080`. */
export function addressOf({ serverIp, serverId, port }) {
  const host = serverIp || serverId;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

const two = (n) => String(n).padStart(2, '0');

export function clockTime(ms) {
  const at = new Date(ms);
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}

/** Removes what all names of actions have in common; the title shows the whole name. */
export function shortAction(action) {
  return action.replace(/VServerGroup(BackendServers|Attribute)$/, '') || '–';
}

/** `48/s`, with `3 failed/s` appended if there are failures; '' without traffic. */
export function trafficWords(traffic) {
  if (!traffic) return '';
  const words = [`${rate(traffic.perSecond)}/s`];
  if (traffic.failedPerSecond > 0) words.push(`${rate(traffic.failedPerSecond)} failed/s`);
  return words.join(', ');
}

/** Below 10 with one decimal, so that one in two seconds is not shown as none. */
function rate(perSecond) {
  return perSecond < 9.95 ? perSecond.toFixed(1).replace('.0', '') : String(Math.round(perSecond));
}

export function plural(count, word) {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** An element with text, never markup: names and descriptions come from the callers of the API. */
export function element(name, { text, ...attributes } = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
