// Makes few files of the many that a start reads: the database, the client, the command line and the scripts of threads, with the packages that are plain
// JavaScript, in dist/bundle/. The built files keep their places: each entry becomes a file that passes on what the bundle exports, so that
// threads, tests and other entries find it where it was (docs/bundlers.md).
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { writeScript } from './kept-script.mjs';
import { codecFiles, splitCodecs } from './lazy-codecs.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = path.join(root, 'dist');
const outdir = path.join(dist, 'bundle');

/** Whatever is started by itself: by a user, as a thread, or by its URL. */
const entries = [
  'server/main',
  'client/connect',
  'platform/node/kept-code',
  'index/thread-tasks',
  'platform/node/worker-entry',
  'platform/node/password-worker',
  'platform/node/files/append-worker',
  'platform/node/grpc/grpc-thread-entry',
  'platform/node/grpc/grpc-thread-server',
];
/** A script, whose compiled form is kept. */
const scriptEntry = 'server/database';
/** CommonJS, or only loaded by those who need them. */
const external = ['@grpc/grpc-js', 'commander', 'zod'];

/**
 * Parts that few programs need: modules that export functions only, with packages and nothing else of ours behind them. Each is a file that is read when
 * the first of its functions is called, at once, because filters are checked without a wait.
 */
const lazyParts = ['expr/evaluate/spatial/jts', 'text/re2'];
const lazyFile = (part) => path.join(dist, `${part}.js`);
const partFile = (part) => `lazy-${path.basename(part)}.cjs`;

/**
 * lmdb and what it is made of, in one file instead of twenty; its native part is looked for from where lmdb is installed. All values are bytes here, so
 * that of its encoders none is used.
 */
const lmdbPart = 'lazy-lmdb.cjs';
const lmdbFile = path.join(root, 'node_modules/lmdb/dist/index.cjs');
const lmdbModules = {
  name: 'lmdb',
  setup(build) {
    build.onResolve({ filter: /^msgpackr$/ }, () => ({ path: 'msgpackr', namespace: 'none' }));
    build.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'exports.Encoder = class {};' }));
    build.onLoad({ filter: /lmdb.dist.index\.cjs$/ }, async ({ path: file }) => {
      const text = await readFile(file, 'utf8');
      if (!text.includes('__filename'))
        throw new Error(`bundle: ${file} finds its native part in another way than known`);
      return {
        contents: `const lmdbFile = require.resolve('lmdb');\n${text.replaceAll('__filename', 'lmdbFile')}`,
      };
    });
  },
};

/** What generated code of messages calls its variables is of no use to anybody who reads a trace, and half of what the engine would have to read. */
const messages = path.join(dist, 'proto') + path.sep;
const codecFile = (file) => path.join(messages, `${file}.js`);

/**
 * Reads a part that is not loaded with the others, by `require`, since whoever needs it does not wait. Virtual: only the bundle has parts. webpack follows a
 * `createRequire` that is imported by its name, and would take all files of the folder into a program's bundle.
 */
const partReader = 'lazy-part';
const readerText = `
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';
import { ElanusError, messageOf } from './base/errors.js';
const { createRequire } = nodeModule;
const load = createRequire(import.meta.url);
export function readPart(name) {
  try {
    return load('./' + name);
  } catch (cause) {
    const file = fileURLToPath(new URL('./' + name, import.meta.url));
    throw new ElanusError('internal', file + ' cannot be read: ' + messageOf(cause) + '; install the package again', { cause });
  }
}`;

/** A module that looks for files beside itself finds them where it was: everything of the bundle lies in one folder, so the way is known. */
const ownModules = {
  name: 'own modules',
  setup(build) {
    build.onResolve({ filter: /^lmdb$/ }, () => ({ path: `./${lmdbPart}`, external: true }));
    build.onResolve({ filter: /^lazy-part$/ }, () => ({ path: partReader, namespace: 'reader' }));
    build.onLoad({ filter: /.*/, namespace: 'reader' }, () => ({ contents: readerText, resolveDir: dist }));
    build.onLoad({ filter: /\.js$/ }, async ({ path: file }) => {
      if (!file.startsWith(dist)) return undefined;
      const text = await readFile(file, 'utf8');
      if (file.startsWith(messages)) return { contents: await messagesText(file, text) };
      const lazy = lazyParts.find((part) => file === lazyFile(part));
      if (lazy !== undefined) return { contents: callingLater(lazy, text), loader: 'js' };
      const way = path.relative(outdir, file).replaceAll(path.sep, '/');
      const url = `new URL(${JSON.stringify(way)}, import.meta.url).href`;
      return { contents: text.replaceAll('import.meta.url', url), loader: 'js' };
    });
  },
};

/** A module that exports those that the script shares with the client. */
const sharedModules = (text) => ({
  name: 'shared modules',
  setup(build) {
    build.onResolve({ filter: /^shared-modules$/ }, ({ path }) => ({ path, namespace: 'shared' }));
    build.onLoad({ filter: /./, namespace: 'shared' }, () => ({ contents: text, resolveDir: dist }));
  },
});

/**
 * Timers and clocks as they were when the package was imported (platform/node/node-time.ts), for the packages in the bundle, too: what tests of programs
 * put in their places (fake timers) does not stop the database.
 */
const ownTimers = [
  "const ownTimers$=globalThis[Symbol.for('elanus.timers')]??globalThis,{setTimeout,clearTimeout,setInterval,clearInterval,setImmediate,",
  'clearImmediate,queueMicrotask,Date}=ownTimers$,performance={now:ownTimers$.performance.now.bind(ownTimers$.performance)};',
].join('');

/** Names stay, and lines are short: traces are read. */
const minified = { minifyWhitespace: true, minifySyntax: true, lineLimit: 120, legalComments: 'none' };

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
const common = {
  absWorkingDir: root,
  platform: 'node',
  target: 'node20.19',
  external,
  metafile: true,
  ...minified,
  plugins: [ownModules],
  logLevel: 'error',
};
const script = await writeScript({
  entry: path.join(dist, `${scriptEntry}.js`),
  sharing: path.join(dist, 'client/connect.js'),
  outdir,
  begin: ownTimers,
  common,
});
const { metafile } = await build({
  ...common,
  entryPoints: {
    ...Object.fromEntries(
      entries.map((entry) => [entry.replaceAll('/', '-'), path.join(dist, `${entry}.js`)]),
    ),
    'shared-modules': 'shared-modules',
  },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  chunkNames: 'part-[hash]',
  plugins: [sharedModules(script.shared), ownModules],
});
const lazyInputs = await writePart(lmdbPart, lmdbFile, { plugins: [lmdbModules], banner: { js: ownTimers } });
for (const part of lazyParts) lazyInputs.push(...(await writeLazyPart(part)));
for (const entry of entries) writeFileSync(path.join(dist, `${entry}.js`), passingOn(entry));
writeFileSync(path.join(dist, `${scriptEntry}.js`), runningScript());
const inputs = [...Object.keys(metafile.inputs), ...script.inputs, ...lazyInputs];
writeFileSync(path.join(outdir, 'LICENSES.txt'), licenses(inputs));

async function messagesText(file, text) {
  const name = codecFiles.find((one) => file === codecFile(one));
  if (name === undefined) return (await transform(text, { minify: true })).code;
  const { staying, part, partName } = await splitCodecs(name, text);
  writeFileSync(path.join(outdir, partName), part);
  return (await transform(staying, { minify: true })).code;
}

/** The functions of a lazy part as the bundle has them. */
function callingLater(part, text) {
  const names = [...text.matchAll(/^export (?:async )?(?:function|const|let|class) (\w+)/gm)].map(
    ([, name]) => name,
  );
  if (names.length === 0) throw new Error(`bundle: ${part} exports nothing by name, expected functions`);
  return [
    `import { readPart } from '${partReader}';`,
    'let loaded;',
    `const part = () => (loaded ??= readPart('${partFile(part)}'));`,
    ...names.map((name) => `export const ${name} = (...args) => part().${name}(...args);`),
  ].join('\n');
}

/** @returns what it is made of */
async function writePart(name, entry, options = {}) {
  const { metafile } = await build({
    ...{
      entryPoints: [entry],
      outfile: path.join(outdir, name),
      absWorkingDir: root,
      bundle: true,
      ...options,
    },
    ...{ format: 'cjs', platform: 'node', target: 'node20.19', external: ['lmdb', 'bun:ffi'] },
    ...{ minify: true, legalComments: 'none', metafile: true, logLevel: 'error' },
  });
  return Object.keys(metafile.inputs);
}

async function writeLazyPart(part) {
  const inputs = await writePart(partFile(part), lazyFile(part));
  const isOther = (input) => !input.includes('node_modules') && path.resolve(root, input) !== lazyFile(part);
  const others = inputs.filter(isOther);
  if (others.length > 0)
    throw new Error(
      `bundle: the lazy part ${part} holds ${others.join(', ')}, which the database has as well; expected packages only`,
    );
  return inputs;
}

function passingOn(entry) {
  const bundled = `${entry.replaceAll('/', '-')}.js`;
  const way = path.relative(path.dirname(path.join(dist, entry)), path.join(outdir, bundled));
  const url = `./${way.replaceAll(path.sep, '/')}`.replace('./..', '..');
  return entry === 'server/main' ? startingText(url) : `export * from '${url}';\n`;
}

function runningScript() {
  return [
    "import * as shared from '../bundle/shared-modules.js';",
    "import { runScript } from '../bundle/platform-node-kept-code.js';",
    `const url = new URL('../bundle/${script.name}', import.meta.url).href;`,
    `export const { ${script.exports.join(', ')} } = runScript(url, shared);`,
    '',
  ].join('\n');
}

/** A program of our own may keep what the engine makes of its code (Node 22.8 and newer), its threads too; a library leaves that to its host. */
function startingText(url) {
  return [
    '#!/usr/bin/env node',
    "import module from 'node:module';",
    'module.enableCompileCache?.();',
    'const kept = module.getCompileCacheDir?.();',
    'if (kept !== undefined) process.env.NODE_COMPILE_CACHE ??= kept;',
    `await import('${url}');`,
    '',
  ].join('\n');
}

/** The packages whose code is in the bundle, each with its licence. */
function licenses(inputs) {
  const names = inputs.map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort().map(licenseOf).join('\n\n');
}

function licenseOf(name) {
  const folder = path.join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const texts = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file));
  const text = texts.map((file) => readFileSync(path.join(folder, file), 'utf8').trim()).join('\n\n');
  return `${name} ${version}, ${license}\n\n${text}\n`;
}
