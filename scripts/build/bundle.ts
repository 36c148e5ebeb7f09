import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '../..');
const { version, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

export interface Bundle {
  readonly entry: string;
  readonly outfile: string;
  /** Run by its name, without `node` in front. */
  readonly program?: true;
  /** CommonJS: the only format that Node runs from a single executable. */
  readonly commonJs?: true;
}

export const BUNDLES = {
  operator: { entry: 'src/main.ts', outfile: 'dist/main.js' },
  plugin: { entry: 'src/plugin/main.ts', outfile: 'dist/kubectl-vsgb.js', program: true },
  simulator: { entry: 'simulator/main.ts', outfile: 'dist/simulator.js', program: true },
} as const satisfies Record<string, Bundle>;

/**
 * Node reads the whole source map at the first stack trace; with all dependencies included, that took 90 MB and 150 ms. Giving each
 * dependency file a map with a single entry keeps its sources out.
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
 * A quarter of the bundle is never used: client-node's 900 models, whose import only looks as if it had side effects, and zod's
 * messages in all languages but English. If included, they would cost memory and time at each start.
 */
const leaveOutUnused: Plugin = {
  name: 'leave-out-unused',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^\.|client-node$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === leaveOutUnused || !/client-node/.test(from.importer + path)) return undefined;
      // esbuild would take ten seconds to look up a thousand of these.
      if (/^\..*\.js$/.test(path)) return { path: join(from.resolveDir, path), sideEffects: false };
      const resolved = await resolve(path, { ...from, pluginData: leaveOutUnused });
      return { ...resolved, sideEffects: false };
    });
    onLoad({ filter: /zod.v4.locales.index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/** `debug` uses supports-color if it is installed. None of the product's packages requires it; only development tools bring it in. */
const leaveOutOptional: Plugin = {
  name: 'leave-out-optional',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^supports-color$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: '' }));
  },
};

const oldestNode = engines.node.replace('>=', '');
const [oldestMajor, oldestMinor] = oldestNode.split('.');

/** An older Node would fail inside a dependency, and print the whole minified line. */
const REFUSE_OLDER_NODE = `{
  const [major, minor] = process.version.slice(1).split('.').map(Number);
  if (major < ${oldestMajor} || (major === ${oldestMajor} && minor < ${oldestMinor})) {
    process.stderr.write('Node ${oldestNode} or newer is needed; this is ' + process.version + '\\n');
    process.exit(2);
  }
}\n`;

const SHEBANG = '#!/usr/bin/env node\n';

/** CommonJS dependencies call require for Node's own modules, and some read __dirname. */
const AS_IN_COMMONJS = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __filename = import.meta.filename, __dirname = import.meta.dirname;
`;

export async function bundleTo({ entry, outfile, program, commonJs }: Bundle): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: commonJs ? 'cjs' : 'esm',
    target: 'node22.19',
    // Identifiers are not minified, because they reach logs and stack traces. `keepNames` would set the name of each closure when
    // it is created, which group planning does for every row.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    legalComments: 'none',
    mainFields: ['module', 'main'],
    plugins: [leaveOutUnused, leaveOutOptional, mapOnlyOwnSources],
    define: {
      VSGB_VERSION: JSON.stringify(version),
      SIMULATOR_CONSOLE: JSON.stringify(readFolder(join(root, 'simulator/console'))),
    },
    banner: {
      js: [...(program ? [SHEBANG] : []), REFUSE_OLDER_NODE, ...(commonJs ? [] : [AS_IN_COMMONJS])].join(''),
    },
    logLevel: 'warning',
  });
  writeFileSync(join(root, metafileOf(outfile)), JSON.stringify(metafile));
  if (program) chmodSync(join(root, outfile), 0o755);
  const { size } = statSync(join(root, outfile));
  console.error(`${outfile}: ${(size / 1e6).toFixed(1)} MB, version ${version}`);
}

/** Whether the bundle is missing, or older than a source or than the lockfile, which determines the dependencies. */
export function isStale({ outfile }: Bundle): boolean {
  if (![outfile, metafileOf(outfile)].every((file) => existsSync(join(root, file)))) return true;
  const built = statSync(join(root, outfile)).mtimeMs;
  const folders = ['src', 'simulator', 'scripts/build'].map((folder) => join(root, folder));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|js|html|css|svg)$/.test(file))
      .map((file) => join(folder, file)),
  );
  const others = ['package-lock.json', 'scripts/build.ts'].map((file) => join(root, file));
  return [...sources, ...others].some((file) => statSync(file).mtimeMs > built);
}

/** What esbuild included in a bundle: https://esbuild.github.io/api/#metafile */
export function readMetafile({ outfile }: Bundle): Metafile {
  return JSON.parse(readFileSync(join(root, metafileOf(outfile)), 'utf8'));
}

function metafileOf(outfile: string): string {
  return `${outfile}.meta.json`;
}

function readFolder(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  );
}
