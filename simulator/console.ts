import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';

/** Set by scripts/build.ts, so that the bundle is a single file; absent when the sources run. */
declare const SIMULATOR_CONSOLE: Readonly<Record<string, string>> | undefined;

/** All files that are served. A path that is not listed here never reaches the file system. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'console.js': 'text/javascript; charset=utf-8',
  'model.js': 'text/javascript; charset=utf-8',
  'groups-view.js': 'text/javascript; charset=utf-8',
  'timeline-view.js': 'text/javascript; charset=utf-8',
  'announcer.js': 'text/javascript; charset=utf-8',
  'words.js': 'text/javascript; charset=utf-8',
};

const HEADERS = {
  // Descriptions and names come from the callers of the API: nothing but the page's own files may run or be loaded.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** File names by their paths under `/console`. */
export const CONSOLE_PATHS: ReadonlyMap<string, string> = new Map([
  ['/console', 'index.html'],
  ['/console/', 'index.html'],
  ...Object.keys(CONTENT_TYPES).map((name) => [`/console/${name}`, name] as const),
]);

export function isConsolePath(url: string): boolean {
  return /^\/console(?:[/?]|$)/.test(url);
}

export function sendConsoleFile(response: ServerResponse, name: string): void {
  const body = consoleFile(name);
  response.writeHead(200, {
    ...HEADERS,
    'content-type': CONTENT_TYPES[name],
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function consoleFile(name: string): string {
  const embedded = typeof SIMULATOR_CONSOLE === 'undefined' ? undefined : SIMULATOR_CONSOLE[name];
  return embedded ?? readFileSync(join(import.meta.dirname, 'console', name), 'utf8');
}
