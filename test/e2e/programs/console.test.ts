import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { Environment } from '../../../lab/environment/environment.ts';
import type { Workloads } from '../../../lab/environment/workloads.ts';
import { waitUntil } from '../../../lab/time/wait-until.ts';
import { CONSOLE_PATHS } from '../../../simulator/console.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { installChromium, openBrowser } from '../../environment/browser/browser.ts';
import { ConsolePage } from '../../environment/browser/console-page.ts';
import { accessibilityProblems } from '../../environment/browser/page-checks.ts';
import { scenarios } from '../../environment/scenario.ts';
import { type ScriptedPod, ScriptedPods } from '../../environment/scripted-pods.ts';

const OWN = 'vsgb/default/shop/web';
const ROOT = join(import.meta.dirname, '../../..');
const SCREENSHOT = join(ROOT, 'docs/console.png');

let env: Environment;
let browser: BrowserContext;
const simulators: Simulator[] = [];
const scenario = scenarios(() => env);

beforeAll(async () => {
  await installChromium();
  env = await Environment.start({ simulator: { latencyMs: 20, loadBalancers: ['lb-shop'] } });
  await env.startOperator();
}, 900_000);
beforeEach(async () => {
  browser = await openBrowser({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
}, 60_000);
afterEach(async () => {
  await browser?.close();
  await Promise.all(simulators.splice(0).map((simulator) => simulator.close()));
}, 60_000);
afterAll(async () => {
  await env?.close();
});

/** A simulator on its own, with `count` backends in a group. */
async function simulatorWith(count: number, options: { port?: number } = {}): Promise<Simulator> {
  const simulator = await startSimulator({ ...options, groups: ['rsp-web'], backendsPerLoadBalancer: 0 });
  simulators.push(simulator);
  for (let n = 1; n <= count; n++) simulator.state.addRow('rsp-web', row(n));
  return simulator;
}

function row(n: number, weight = 100) {
  const serverIp = `10.0.${n >> 8}.${n & 255}`;
  return { serverId: `eni-${n}`, serverIp, port: 8080, weight, description: OWN };
}

/** Bare pods: no controller replaces them with pods to which kwok would give the same addresses. */
async function createPods(app: Workloads, service: string, count: number): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: `${service}-`, labels: { app: service } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }],
    },
  };
  await Promise.all(Array.from({ length: count }, () => app.api.create(app.path('api/v1', 'pods'), pod)));
}

/** Deletes a pod; returns the backend that it was. */
async function deletePod(app: Workloads, service: string): Promise<string> {
  const { metadata, status } = (await app.pods(service))[0]!;
  await app.deletePod(metadata.name);
  return `${status.podIP}:8080`;
}

scenario(
  'a pod is deleted: its tile leaves, that of a new one comes, and the timeline tells both',
  async () => {
    const app = await env.createNamespace('console');
    const { state } = env.simulator;
    for (const group of ['rsp-web', 'rsp-api']) state.createGroup(group, 'lb-shop');
    env.addForeignRows('rsp-web');
    await app.createService('web');
    await createPods(app, 'web', 14);
    // A pod ends at once here; the slice determines how long it takes to leave.
    const api = await ScriptedPods.create(app, 'api');
    const apiPods = await api.createPods('90.1', 10);
    await api.show(apiPods);
    await app.bind('web', 'rsp-web');
    await app.bind('api', 'rsp-api', { drain: { seconds: 3 } });
    await env.untilStatusTrue(app, 'web', 'rsp-web', { desired: 14, registered: 14, foreign: 2 });
    await env.untilStatusTrue(app, 'api', 'rsp-api', { desired: 10, registered: 10 });
    const console = await ConsolePage.open(browser, env.simulator.url);
    const tiles = console.group('rsp-web').getByRole('button');
    await waitUntil('16 tiles', async () => (await tiles.count()) === 16);
    expect(await console.tile('rsp-web', 'i-foreign:30999').textContent()).toMatch(/50.*foreign/);

    const deleted = await deletePod(app, 'web');
    const left = console.members().filter({ hasText: deleted }).filter({ hasText: 'left' });
    await left.filter({ hasText: /without drain · call \d+ ms/ }).waitFor();
    await console.tile('rsp-web', deleted).waitFor({ state: 'detached' });
    await waitUntil('15 tiles', async () => (await tiles.count()) === 15);
    await console
      .calls()
      .filter({ hasText: /Remove.*rsp-web/ })
      .waitFor();
    await createPods(app, 'web', 1);
    await console
      .members()
      .filter({ hasText: /joined.*rsp-web · weight 100 · call \d+ ms/ })
      .waitFor();
    await waitUntil('16 tiles', async () => (await tiles.count()) === 16);

    const [first, second, third, ...others] = apiPods as [
      ScriptedPod,
      ScriptedPod,
      ScriptedPod,
      ...ScriptedPod[],
    ];
    const drained = `${first.address}:8080`;
    await api.show([[first, 'leaving'], second, third, ...others]);
    await console
      .tile('rsp-api', drained)
      .filter({ hasText: /0.*draining \d s/ })
      .waitFor();
    const told = console.members().filter({ hasText: drained });
    await told.filter({ hasText: 'weight 100 → 0 · call' }).waitFor();
    // The drain's 3 s start with the plan, the console's with the call that carried it out, which is later on a busy machine.
    await told.filter({ hasText: /left.* [2-9]\.\d s after weight 0 · call \d+ ms/ }).waitFor();
    await console
      .tile('rsp-api', drained)
      .filter({ hasText: /removed after [2-9]\.\d s/ })
      .waitFor();
    await console.tile('rsp-api', drained).waitFor({ state: 'detached' });
    if (process.env['SCREENSHOT']) {
      await api.show([[second, 'leaving'], [third, 'leaving'], ...others]);
      await keepScreenshot(console, app);
    }
    expect(console.complaints).toEqual([]);
  },
);

/** Updates the screenshot in docs/: `SCREENSHOT=1 npm run jest -- test/e2e/console`. */
async function keepScreenshot(console: ConsolePage, app: Workloads): Promise<void> {
  await console.group('rsp-api').getByRole('button').filter({ hasText: 'draining' }).first().waitFor();
  const deleted = await deletePod(app, 'web');
  await console.tile('rsp-web', deleted).filter({ hasText: 'removed' }).waitFor();
  await console.page.screenshot({ path: SCREENSHOT, animations: 'disabled' });
}

scenario('weight 0 shows as draining, weight above it as in service again', async () => {
  const simulator = await simulatorWith(3);
  const console = await ConsolePage.open(browser, simulator.url);
  const tile = console.tile('rsp-web', '10.0.0.2:8080');
  simulator.state.addRow('rsp-web', row(2, 0));
  await tile.filter({ hasText: 'draining 1 s' }).waitFor();
  expect(await tile.getAttribute('data-state')).toBe('draining');
  simulator.state.addRow('rsp-web', row(2, 30));
  await tile.filter({ hasText: /30[\s\S]*in service/ }).waitFor();
  await console.members().filter({ hasText: 'weight 0 → 30' }).waitFor();
});

scenario(
  'a walk by keyboard: skip links, controls, one stop a group, arrows within it, one backend alone',
  async () => {
    const simulator = await simulatorWith(30);
    simulator.state.createGroup('rsp-api', 'lb-1');
    simulator.state.addRow('rsp-api', row(99));
    const console = await ConsolePage.open(browser, simulator.url);
    await console.tile('rsp-api', '10.0.0.99:8080').waitFor();
    const stops: string[] = [];
    for (let i = 0; i < 9; i++) {
      stops.push(await console.press('Tab'));
      const outline = await console.page.evaluate<string>(
        'getComputedStyle(document.activeElement).outlineStyle',
      );
      expect([stops.at(-1), outline]).toEqual([stops.at(-1), 'solid']);
    }
    expect(stops).toEqual([
      'a Skip to the groups',
      'a Skip to the timeline',
      'input Own: description starts with',
      'input Only failed calls',
      'button Pause',
      expect.stringMatching(/^button 10\.0\.0\.1:8080/),
      expect.stringMatching(/^button 10\.0\.0\.99:8080/),
      'section Members',
      'section Calls',
    ]);
    await console.tile('rsp-web', '10.0.0.1:8080').focus();
    expect(await console.press('ArrowRight', 'ArrowRight', 'ArrowLeft')).toContain('10.0.0.2:8080');
    const below = await console.press('ArrowDown');
    expect(below).not.toContain('10.0.0.3:8080');
    expect(await console.press('ArrowUp')).toContain('10.0.0.2:8080');
    expect(await console.press('End')).toContain('10.0.0.30:8080');
    expect(await console.press('Home')).toContain('10.0.0.1:8080');

    await console.press('ArrowRight', 'Enter');
    simulator.state.addRow('rsp-web', row(2, 0));
    simulator.state.addRow('rsp-web', row(3, 0));
    await console.page.getByText('Only 10.0.0.2:8080 of rsp-web').waitFor();
    await waitUntil('one line', async () => (await console.members().count()) === 1);
    await console.press('Escape');
    await waitUntil('both lines', async () => (await console.members().count()) === 2);

    // The focus stays in the group when the focused row leaves.
    simulator.state.removeRow('rsp-web', row(2));
    await console.tile('rsp-web', '10.0.0.2:8080').waitFor({ state: 'detached' });
    expect(await console.focused()).toContain('10.0.0.3:8080');
  },
);

scenario(
  'names, landmarks, headings and contrast hold in dark and in light; nothing is complained of',
  async () => {
    const simulator = await simulatorWith(4);
    const hostile = '<img src=x onerror=alert(1)>';
    simulator.state.addRow('rsp-web', { serverId: hostile, port: 80, description: hostile });
    simulator.state.createGroup('rsp-named', 'lb-1', { name: hostile });
    for (const colorScheme of ['dark', 'light'] as const) {
      const console = await ConsolePage.open(browser, simulator.url);
      await console.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      simulator.state.addRow('rsp-web', row(1, 0));
      simulator.state.addRow('rsp-web', row(3, 0));
      simulator.state.removeRow('rsp-web', row(3));
      await fetch(`${simulator.url}/?Action=DescribeVServerGroups`);
      await console.calls().filter({ hasText: 'MissingParameter' }).first().waitFor();
      await console.tile('rsp-web', '10.0.0.3:8080').filter({ hasText: 'removed' }).waitFor();
      await console.tile('rsp-web', '10.0.0.1:8080').click();
      await console.page.getByText('Only 10.0.0.1:8080').waitFor();
      expect([colorScheme, await accessibilityProblems(console.page)]).toEqual([colorScheme, []]);
      await console.page.setViewportSize({ width: 360, height: 740 });
      expect(await accessibilityProblems(console.page)).toEqual([]);
      expect(await console.page.locator('img').count()).toBe(0);
      expect(console.complaints).toEqual([]);
      for (const n of [1, 3]) simulator.state.addRow('rsp-web', row(n));
      await console.page.close();
    }
  },
);

scenario('what a listener forwards is on the tiles and at the group, and what fails', async () => {
  const backend = createServer((_, response) => response.end('a')).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port } = backend.address() as AddressInfo;
  const there = { serverId: 'eni-there', serverIp: '127.0.0.1', port, description: OWN };
  const refusing = { ...there, serverId: 'eni-refusing', port: 1 };
  const simulator = await startSimulator({
    groups: [{ id: 'rsp-web', rows: [there, refusing] }],
    listeners: [{ protocol: 'http', group: 'rsp-web', healthCheck: false }],
  });
  simulators.push(simulator);
  const url = `http://127.0.0.1:${simulator.dataPlane.listeners[0]!.port}`;
  const load = setInterval(() => void fetch(url).then((answer) => answer.arrayBuffer()), 20);
  try {
    const console = await ConsolePage.open(browser, simulator.url);
    const tile = console.tile('rsp-web', `127.0.0.1:${port}`);
    await tile.filter({ hasText: /in service, \d+(\.\d)?\/s$/ }).waitFor();
    await console
      .tile('rsp-web', '127.0.0.1:1')
      .filter({ hasText: /, \d+(\.\d)?\/s, \d+(\.\d)? failed\/s$/ })
      .waitFor();
    await console
      .group('rsp-web')
      .getByText(/2 backends · \d+\/s, \d+ failed\/s/)
      .waitFor();
    expect(await accessibilityProblems(console.page)).toEqual([]);
    clearInterval(load);
    await tile.filter({ hasText: /in service$/ }).waitFor();
    expect(console.complaints).toEqual([]);
  } finally {
    clearInterval(load);
    backend.close();
    backend.closeAllConnections();
  }
});

scenario(
  'thousands of changes and calls: what is drawn has an end, and what is said is said in one sentence',
  async () => {
    const simulator = await simulatorWith(0);
    const console = await ConsolePage.open(browser, simulator.url);
    await console.page.evaluate(`(() => {
    window.said = [];
    const node = document.getElementById('announcer');
    new MutationObserver(() => said.push([performance.now(), node.textContent])).observe(node, { childList: true });
  })()`);
    for (let n = 1; n <= 800; n++) simulator.state.addRow('rsp-web', row(n));
    // The backlog of a server that listens holds about 500 connections.
    for (let sent = 0; sent < 1000; sent += 50) {
      const calls = Array.from({ length: 50 }, () => fetch(`${simulator.url}/?Action=DescribeVServerGroups`));
      await Promise.all(calls.map(async (call) => (await call).arrayBuffer()));
    }
    await waitUntil(
      '800 tiles',
      async () => (await console.group('rsp-web').getByRole('button').count()) === 800,
    );
    await waitUntil(
      '1000 calls',
      async () => (await console.page.locator('#total-calls').textContent()) === '1000',
    );
    expect(await console.calls().count()).toBe(200);
    expect(await console.members().count()).toBe(200);
    const said = () => console.page.evaluate<[number, string][]>('said');
    await waitUntil('what failed to be said', async () =>
      (await said()).some(([, text]) => /failed/.test(text)),
    );
    const sentences = await said();
    expect(sentences.map(([, text]) => text).join()).toMatch(/\d+ backends joined rsp-web/);
    for (const [i, [at]] of sentences.entries()) {
      if (i > 0) expect(at - sentences[i - 1]![0]).toBeGreaterThan(2900);
    }
    expect(console.complaints).toEqual([]);
  },
);

scenario('paused, the page stands still and counts; the simulator gone and back, it goes on', async () => {
  const simulator = await simulatorWith(2);
  const console = await ConsolePage.open(browser, simulator.url);
  await console.page.getByRole('button', { name: 'Pause' }).click();
  simulator.state.addRow('rsp-web', row(3));
  await fetch(`${simulator.url}/?Action=DescribeVServerGroups`);
  await console.page.getByRole('button', { name: 'Resume (1 call since)' }).click();
  await console.tile('rsp-web', '10.0.0.3:8080').waitFor();
  await simulator.close();
  await console.page.getByText('The simulator does not answer').waitFor();
  await simulatorWith(5, { port: simulator.port });
  await console.page.getByText(/^Live from/).waitFor();
  await console.tile('rsp-web', '10.0.0.5:8080').waitFor();
});

scenario('the bundle, one file wherever it lies, serves the same page', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vsgb-simulator-'));
  const bundle = join(folder, 'simulator.mjs');
  await copyFile(join(ROOT, 'dist/simulator.js'), bundle);
  const program = spawn(process.execPath, [bundle, '--group', 'rsp-web'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(program, 'exit');
  try {
    const url = await addressOf(program.stdout);
    for (const [path, name] of CONSOLE_PATHS) {
      const source = await readFile(join(ROOT, 'simulator/console', name), 'utf8');
      expect(await (await fetch(url + path)).text()).toBe(source);
    }
    const console = await ConsolePage.open(browser, url);
    await console.group('rsp-web').waitFor();
    expect(console.complaints).toEqual([]);
  } finally {
    program.kill();
    await exited;
    await rm(folder, { recursive: true });
  }
});

async function addressOf(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const [, url] = /^listening on (.+)$/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error('the simulator ended before it listened');
}
