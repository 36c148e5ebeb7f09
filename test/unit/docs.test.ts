import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { headline as delays } from '../../lab/bench/report/headline.ts';
import { headline as failedRequests } from '../../lab/traffic/report/headline.ts';
import { figuresOf } from '../../lab/traffic/report/report.ts';
import { EVENT_REASONS, REASONS } from '../../src/api/conditions.ts';
import { commandsOf } from '../documented-commands.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCS = join(ROOT, 'docs');
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git']);

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('commands', () => {
  const pages = ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', 'RELEASE.md', ...markdownFiles(DOCS)];

  /** Command → the file that runs it, possibly with other values, and the text in that file that shows this. */
  const RUN_BY: readonly (readonly [command: RegExp, file: string, text: string])[] = [
    [/^make demo$/, 'test/e2e/programs/commands.test.ts', "make('demo'"],
    [/^make help$/, 'test/e2e/programs/commands.test.ts', "make('help')"],
    [/^make test$/, '.ci/run', 'exec make test'],
    [/^make lint$/, 'scripts/test.ts', "command('biome', 'check'"],
    [/^make generate$/, 'scripts/test.ts', "command('node', 'scripts/generate.ts', '--check')"],
    [/^npm run -s jest -- \S+( -t '[^']+')?$/, 'scripts/test.ts', "jest('unit'"],
    [/^npm run -s enclosed -- npm run -s jest -- \S+$/, 'scripts/test.ts', "enclosed(jest('nodes'"],
    [/^node scripts\/release\/set-version\.ts \S+$/, 'test/unit/release.test.ts', 'withVersion(read'],
    [/^npm test -- unit$/, 'scripts/test.ts', 'unit: jest('],
    // These two tests fail if they leave out a command.
    [
      /^(export|npm run (cluster|simulator|operator)|curl|node dist\/kubectl-vsgb\.js) /,
      'test/e2e/programs/tutorial.test.ts',
      'every command of the tutorial',
    ],
    [
      /^(kubectl|helm) /,
      'test/e2e/deploy/documented-commands.test.ts',
      'every kubectl and helm command of the docs',
    ],
  ];

  const documented = pages.flatMap((page) => commandsOf(read(page)).map((one) => ({ page, ...one })));

  test('each is run by a test, or has the mark ☁', () => {
    expect(documented.length).toBeGreaterThan(30);
    const loose = documented.filter(
      ({ command, marked }) => !marked && !RUN_BY.some(([pattern]) => pattern.test(command)),
    );
    expect(loose.map(({ page, command }) => `${page}: ${command}`)).toEqual([]);
  });

  test.each(RUN_BY)('%s is run where the table says', (pattern, file, text) => {
    expect(documented.some(({ command, marked }) => !marked && pattern.test(command))).toBe(true);
    expect(`${file} has ${text}: ${read(file).includes(text)}`).toBe(`${file} has ${text}: true`);
  });

  test('a page that uses the mark explains it', () => {
    const silent = pages.filter((page) => read(page).includes('☁') && !/☁ (marks|标记)/.test(read(page)));
    expect(silent).toEqual([]);
  });

  /** Commands named within a sentence or a table. */
  const NAMED: Readonly<Record<string, readonly [file: string, text: string]>> = {
    'make demo': ['test/e2e/programs/commands.test.ts', "make('demo'"],
    'make bench': ['test/e2e/programs/commands.test.ts', "make('bench'"],
    'make help': ['test/e2e/programs/commands.test.ts', "make('help')"],
    'make test': ['.ci/run', 'exec make test'],
    'make generate': ['scripts/test.ts', "command('node', 'scripts/generate.ts', '--check')"],
    'npm run build': ['scripts/test.ts', "command('node', 'scripts/build.ts')"],
    'npm run lint': ['scripts/test.ts', "command('depcruise'"],
    'npm run cluster': ['test/e2e/programs/cluster.test.ts', "start('npm', ['run', '-s', 'cluster'"],
    'npm run simulator': ['test/unit/simulator/options.test.ts', 'simulator/main.ts'],
    'npm run operator': ['lab/environment/operator-process.ts', "'dist/main.js'"],
    // Takes ten minutes on an otherwise idle machine.
    'make soak': ['package.json', '"soak"'],
    // Builds the control planes of other versions, and runs many of the end-to-end tests on each.
    'make compat': ['package.json', '"compat"'],
    'make traffic': ['test/nodes/traffic.test.ts', 'runScenario(bed'],
    // Needs a container engine.
    'make image': ['Makefile', 'image:'],
  };

  test('make targets and npm scripts that a sentence names are run by what the table says', () => {
    const named = new Set(pages.flatMap((page) => read(page).match(/(?<=`)(make|npm run) [a-z]+/g) ?? []));
    expect([...named].sort()).toEqual(Object.keys(NAMED).sort());
    const lost = Object.entries(NAMED).filter(([, [file, text]]) => !read(file).includes(text));
    expect(lost).toEqual([]);
  });

  test('files and commands of the plugin that a sentence names exist', () => {
    const plugin = readdirSync(join(ROOT, 'src/plugin/commands')).map((name) => name.replace('.ts', ''));
    const wrong = pages.flatMap((page) => [
      ...[
        ...read(page).matchAll(
          /`(?:node )?((?:src|simulator|lab|test|scripts|deploy|crds|docs)\/[\w./-]+)`/g,
        ),
      ].filter(([, path = '']) => !existsSync(join(ROOT, path))),
      ...[...read(page).matchAll(/`kubectl vsgb ([a-z]+)/g)].filter(
        ([, name = '']) => !plugin.includes(name),
      ),
    ]);
    expect(wrong.map(([text]) => text)).toEqual([]);
  });
});

describe('links', () => {
  const pages = markdownFiles(ROOT);

  test.each(pages)('those of %s lead somewhere', (page) => {
    const dead = linksOf(read(page)).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  test('the README leads to every page', () => {
    const linked = linksOf(read('README.md')).map((link) => link.split('#')[0]);
    const missing = readdirSync(DOCS).filter(
      (name) => name.endsWith('.md') && !linked.includes(`docs/${name}`),
    );
    expect(missing).toEqual([]);
  });
});

test('the figures in the README are those of the last benchmark', () => {
  const { date, results } = JSON.parse(read('bench/results.json'));
  expect(read('README.md')).toContain(`\n${delays(date, results)}\n`);
});

test('the failed requests in the README are those of the last measurement', () => {
  const { outcomes } = JSON.parse(read('bench/traffic.json'));
  expect(read('README.md')).toContain(`\n${failedRequests(outcomes)}\n`);
});

test('the figures in traffic.md are those of the last measurement', () => {
  expect(read('docs/traffic.md')).toContain(`\n${figuresOf(JSON.parse(read('bench/traffic.json')))}\n`);
});

test('metrics and variables that the docs name exist', () => {
  const known = `${read('docs/metrics.md')}\n${read('docs/flags.md')}`;
  const named = markdownFiles(DOCS).flatMap(
    (page) => read(page).match(/\b(vsgb_[a-z_]+|VSGB_[A-Z_]+)\b/g) ?? [],
  );
  const plain = named.map((name) => name.replace(/_(bucket|count|sum)$/, ''));
  expect([...new Set(plain)].filter((name) => !known.includes(`\`${name}\``) && !name.endsWith('_'))).toEqual(
    [],
  );
});

test('a reason is explained in messages.md alone', () => {
  const reasons = [...Object.keys(REASONS), ...Object.keys(EVENT_REASONS)].join('|');
  const row = new RegExp(`^\\| \\[?\`(?:${reasons})\`(?:\\]\\(\\S+\\))? \\|`, 'm');
  const twice = readdirSync(DOCS).filter(
    (name) => name.endsWith('.md') && name !== 'messages.md' && row.test(read(`docs/${name}`)),
  );
  expect(twice).toEqual([]);
});

describe('architecture.md', () => {
  const page = read('docs/architecture.md');

  test('every decision stands where it says', () => {
    const decisions = [...page.matchAll(/\[`(\w+)`\]\(\.\.\/(src\/[\w./-]+)\)/g)];
    expect(decisions.length).toBeGreaterThanOrEqual(10);
    const wrong = decisions.filter(
      ([, name, path = '']) =>
        !new RegExp(`^(export )?(async )?(function|class|const) ${name}\\b`, 'm').test(read(path)),
    );
    expect(wrong.map(([text]) => text)).toEqual([]);
  });

  test('its rooms are those of src, and import what lint lets them', () => {
    const rooms = [...page.matchAll(/^\| `(src\/[\w-]+)` \| .+ \| (.+) \|$/gm)].map(
      ([, room = '', cell = '']) => ({
        room,
        imports: [...cell.matchAll(/`(src\/[\w/-]+)(?:\.ts)?`/g)].map(([, one = '']) => one),
      }),
    );
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((one) =>
      one.isDirectory(),
    );
    expect(rooms.map(({ room }) => room).sort()).toEqual(folders.map(({ name }) => `src/${name}`).sort());
    const { allowed }: { allowed: readonly Rule[] } = createRequire(import.meta.url)(
      join(ROOT, '.dependency-cruiser.cjs'),
    );
    const named = new Set(rooms.flatMap(({ room, imports }) => [room, ...imports]));
    const filesOf = (room: string) =>
      readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' }).map((file) => `${room}/${file}`);
    const mayImport = (room: string, to: string) =>
      !`${to}/`.startsWith(`${room}/`) &&
      filesOf(room).some((file) => allowed.some((rule) => lets(rule, file, `${to}.ts`)));
    const whatLintLets = rooms.map(({ room }) => {
      const all = [...named].filter((other) => mayImport(room, other));
      const isWithin = (one: string) => all.some((other) => one.startsWith(`${other}/`));
      return { room, imports: all.filter((one) => !isWithin(one)).sort() };
    });
    expect(rooms.map(({ room, imports }) => ({ room, imports: imports.sort() }))).toEqual(whatLintLets);
  });
});

interface Rule {
  readonly from: { readonly path?: string; readonly pathNot?: string };
  readonly to: { readonly path?: string; readonly pathNot?: string };
}

function lets({ from, to }: Rule, importer: string, imported: string): boolean {
  const fits = ({ path, pathNot }: Rule['to'], file: string) =>
    (path === undefined || new RegExp(path).test(file)) &&
    (pathNot === undefined || !new RegExp(pathNot).test(file));
  return fits(from, importer) && fits(to, imported);
}

/** Relative links outside code. */
function linksOf(markdown: string): string[] {
  const links = [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

/** The anchors that GitHub makes: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(markdown: string): string[] {
  const titles = [...markdown.replace(/^ *```.*?^ *```$/gms, '').matchAll(/^#+ (.+)$/gm)];
  return titles.map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^ *```.*?^ *```$/gms, '').replace(/(?<!\[)`[^`\n]*`/g, '');
}

function markdownFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    if (NOT_OURS.has(name)) return [];
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return markdownFiles(path);
    return name.endsWith('.md') ? [relative(ROOT, path)] : [];
  });
}
