// Makes few files of the many that a start reads: the database, the client, the command line and the scripts of threads, with the packages that are plain
// JavaScript, in dist/bundle/. The built files keep their places: each entry becomes a file that passes on what the bundle exports, so that
// threads, tests and other entries find it where it was (docs/bundlers.md).
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = path.join(root, 'dist');
const outdir = path.join(dist, 'bundle');

/** Whatever is started by itself: by a user, as a thread, or by its URL. */
const entries = [
  'server/database',
  'server/main',
  'client/connect',
  'index/worker-tasks',
  'platform/node/worker-entry',
  'platform/node/password-worker',
  'platform/node/files/append-worker',
  'platform/node/grpc/grpc-thread-entry',
  'platform/node/grpc/grpc-thread-server',
];
/** Native, CommonJS, or only loaded by those who need them. */
const external = ['lmdb', '@grpc/grpc-js', 'commander', 'zod'];

/** A module that looks for files beside itself finds them where it was: everything of the bundle lies in one folder, so the way is known. */
const ownUrls = {
  name: 'own urls',
  setup(build) {
    build.onLoad({ filter: /\.js$/ }, async ({ path: file }) => {
      if (!file.startsWith(dist) || file.startsWith(path.join(dist, 'proto'))) return undefined;
      const text = await readFile(file, 'utf8');
      const way = path.relative(outdir, file).replaceAll(path.sep, '/');
      const url = `new URL(${JSON.stringify(way)}, import.meta.url).href`;
      return { contents: text.replaceAll('import.meta.url', url), loader: 'js' };
    });
  },
};

rmSync(outdir, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: Object.fromEntries(
    entries.map((entry) => [entry.replaceAll('/', '-'), path.join(dist, `${entry}.js`)]),
  ),
  outdir,
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external,
  chunkNames: 'part-[hash]',
  metafile: true,
  plugins: [ownUrls],
  logLevel: 'error',
});
for (const entry of entries) writeFileSync(path.join(dist, `${entry}.js`), passingOn(entry));
writeFileSync(path.join(outdir, 'LICENSES.txt'), licenses(Object.keys(metafile.inputs)));

function passingOn(entry) {
  const bundled = `${entry.replaceAll('/', '-')}.js`;
  const way = path.relative(path.dirname(path.join(dist, entry)), path.join(outdir, bundled));
  const url = `./${way.replaceAll(path.sep, '/')}`.replace('./..', '..');
  return entry === 'server/main' ? startingText(url) : `export * from '${url}';\n`;
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
