// Bundles the operator, the kubectl plugin and the simulator to one file each. `--if-stale` skips what
// is newer than its sources, so that `npm run operator` starts at once.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    'if-stale': { type: 'boolean', default: false },
    sbom: { type: 'boolean', default: false },
  },
});

interface Bundle {
  readonly entry: string;
  readonly outfile: string;
  /** Run by its name, without `node` in front. */
  readonly program?: true;
}

const bundles: readonly Bundle[] = [
  { entry: 'src/main.ts', outfile: 'dist/main.js' },
  { entry: 'src/plugin/main.ts', outfile: 'dist/kubectl-vsgb.js', program: true },
  { entry: 'simulator/main.ts', outfile: 'dist/simulator.js' },
];

const { name, version, license, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * Node reads the whole source map at the first stack trace: with all dependencies in it that took 90 MB and 150 ms.
 * A map of one entry under each of their files keeps the rest out of it.
 */
const SHORT_MAP = Buffer.from('{"version":3,"sources":["dependency"],"mappings":"AAAA"}').toString('base64');

const mapOnlyOwnSources: Plugin = {
  name: 'map-only-own-sources',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules.*\.[cm]?js$/ }, ({ path }) => ({
      contents: `${readFileSync(path, 'utf8')}\n//# sourceMappingURL=data:application/json;base64,${SHORT_MAP}`,
      loader: 'default',
    })),
};

/**
 * A quarter of the bundle is never asked for: client-node's 900 models, which only look as if loading them did something,
 * and zod's messages in all languages but English. Left in, they cost memory and time at each start.
 */
const leaveOutUnused: Plugin = {
  name: 'leave-out-unused',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^\.|client-node$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === leaveOutUnused || !/client-node/.test(from.importer + path)) return undefined;
      const resolved = await resolve(path, { ...from, pluginData: leaveOutUnused });
      return { ...resolved, sideEffects: false };
    });
    onLoad({ filter: /zod.v4.locales.index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

const oldestNode = engines.node.replace('>=', '');
const [oldestMajor, oldestMinor] = oldestNode.split('.');

/** An older Node fails in a dependency, and prints the whole minified line where it did. */
const REFUSE_OLDER_NODE = `{
  const [major, minor] = process.version.slice(1).split('.').map(Number);
  if (major < ${oldestMajor} || (major === ${oldestMajor} && minor < ${oldestMinor})) {
    process.stderr.write('Node ${oldestNode} or newer is needed; this is ' + process.version + '\\n');
    process.exit(2);
  }
}\n`;

for (const bundle of bundles) {
  if (options['if-stale'] && !isStale(join(root, bundle.outfile))) continue;
  await bundleTo(bundle);
}
if (options.sbom) writeSbom();

async function bundleTo({ entry, outfile, program }: Bundle): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22.19',
    // Identifiers stay as they are, for they reach logs and stack traces. `keepNames` would set the name of a closure each
    // time that one is made, which the planning of a group does for each row.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    mainFields: ['module', 'main'],
    plugins: [leaveOutUnused, mapOnlyOwnSources],
    define: {
      VSGB_VERSION: JSON.stringify(version),
      SIMULATOR_CONSOLE: JSON.stringify(readFolder(join(root, 'simulator/console'))),
    },
    // CommonJS dependencies call require for Node's own modules, and some read __dirname.
    banner: {
      js: [
        ...(program ? ['#!/usr/bin/env node\n'] : []),
        REFUSE_OLDER_NODE,
        "import { createRequire as __createRequire } from 'node:module';",
        'const require = __createRequire(import.meta.url);',
        'const __filename = import.meta.filename, __dirname = import.meta.dirname;',
      ].join(''),
    },
    logLevel: 'warning',
  });
  if (program) chmodSync(join(root, outfile), 0o755);
  const { size } = statSync(join(root, outfile));
  console.error(`${outfile}: ${(size / 1e6).toFixed(1)} MB, version ${version}`);
}

function readFolder(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  );
}

/** Older than any source, or than the lockfile that decides on the dependencies. */
function isStale(outfile: string): boolean {
  if (!existsSync(outfile)) return true;
  const built = statSync(outfile).mtimeMs;
  const folders = ['src', 'simulator'].map((folder) => join(root, folder));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|js|html|css|svg)$/.test(file))
      .map((file) => join(folder, file)),
  );
  const others = ['package-lock.json', 'scripts/build.ts'].map((file) => join(root, file));
  return [...sources, ...others].some((file) => statSync(file).mtimeMs > built);
}

/**
 * What the bundle is made of (CycloneDX), for scanners. `--omit dev` of npm leaves out also what the product and a test
 * share, so npm is shown a package without what is only for development.
 */
function writeSbom(): void {
  const folder = mkdtempSync(join(tmpdir(), 'vsgb-sbom-'));
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      const content = withoutDevelopment(JSON.parse(readFileSync(join(root, file), 'utf8')));
      writeFileSync(join(folder, file), JSON.stringify(content));
    }
    const format = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
    const options = { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 } as const;
    const sbom = JSON.parse(execFileSync('npm', ['sbom', '--package-lock-only', ...format], options));
    // npm takes the name of the folder.
    sbom.metadata.component.name = name;
    mkdirSync(join(root, 'dist'), { recursive: true });
    writeFileSync(join(root, 'dist/sbom.cdx.json'), `${JSON.stringify(sbom, null, 2)}\n`);
    console.error(`dist/sbom.cdx.json: ${sbom.components.length} packages, licence ${license}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface PackageOrLock {
  readonly devDependencies?: object;
  /** Of a lock file: by folder, the package itself under "". */
  readonly packages?: Readonly<Record<string, PackageOrLock & { readonly dev?: boolean }>>;
}

function withoutDevelopment({ devDependencies, packages, ...others }: PackageOrLock): PackageOrLock {
  if (packages === undefined) return others;
  const kept = Object.entries(packages).filter(([, { dev }]) => !dev);
  return {
    ...others,
    packages: Object.fromEntries(kept.map(([folder, one]) => [folder, withoutDevelopment(one)])),
  };
}
