// The package inside a bundle: what esbuild makes of a program that imports it, run by Node as a process of its own. Takes the build.
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build, type Format } from 'esbuild';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tempFolder } from './support.js';

const run = promisify(execFile);
const checkout = fileURLToPath(new URL('../../', import.meta.url));
let folder: { readonly path: string; remove(): Promise<void> };
beforeEach(async () => {
  folder = await tempFolder();
});

afterEach(() => folder.remove());

/** Opens a folder, writes and searches in it, closes; then shows that errors are of the class that the bundle knows. */
const program = `
import { ElanusError, open } from 'elanus';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
const collection_name = 'a';
async function main() {
  const database = await open(process.argv[2], { logLevel: 'error' });
  const client = new MilvusClient({ address: database.address });
  await client.createCollection({ collection_name, consistency_level: 'Strong', fields: [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'v', data_type: DataType.FloatVector, dim: 4 },
  ] });
  await client.createIndex({ collection_name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
  const data = Array.from({ length: 3000 }, (_, id) => ({ id, v: [id, 0, 0, 1] }));
  await client.insert({ collection_name, data });
  await client.flushSync({ collection_names: [collection_name] });
  await client.loadCollectionSync({ collection_name });
  const found = await client.search({ collection_name, data: [[7.1, 0, 0, 1]], limit: 3 });
  await client.closeConnection();
  await database.close();
  const error = await open('/', { port: -1 }).catch((thrown) => thrown);
  console.log(JSON.stringify({ ids: found.results.map(({ id }) => id), own: error instanceof ElanusError, code: error.code }));
}
main();
`;
/** Asks only for a database, and says what came of it. */
const opening = `
import { ElanusError, open } from 'elanus';
open(process.argv[2]).then(
  (database) => database.close().then(() => console.log('opened')),
  (error) => console.log(JSON.stringify({ own: error instanceof ElanusError, code: error.code, message: error.message })),
);
`;

async function bundle(text: string, format: Format): Promise<string> {
  const modules = join(folder.path, 'node_modules');
  await mkdir(modules, { recursive: true });
  await symlink(checkout, join(modules, 'elanus'));
  await symlink(join(checkout, 'node_modules/@zilliz'), join(modules, '@zilliz'));
  const outfile = join(folder.path, 'out', format === 'esm' ? 'bundle.mjs' : 'bundle.cjs');
  await build({
    stdin: { contents: text, resolveDir: folder.path },
    outfile,
    bundle: true,
    platform: 'node',
    format,
    external: ['@zilliz/*'],
    logLevel: 'silent',
  });
  return outfile;
}

/** The last line it prints: the client has lines of its own. */
async function output(script: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, [script, join(folder.path, 'data')]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

test.each(['esm', 'cjs'] as const)(
  'a bundle (%s) opens a folder, inserts, searches and closes',
  async (format) => {
    const script = await bundle(program, format);
    // Only the entry may be inside: not the roles, not the packages.
    expect(await readFile(script, 'utf8')).not.toMatch(/streaming-node|grpc-js|lmdb\/node-index/);
    expect(await output(script)).toEqual({ ids: ['7', '8', '6'], own: true, code: 'invalid_parameter' });
  },
);

test('a bundle that runs where the package is not installed gets an error that says how to go on', async () => {
  const script = await bundle(opening, 'esm');
  const alone = await tempFolder();
  try {
    const moved = join(alone.path, 'bundle.mjs');
    await writeFile(moved, await readFile(script));
    const { stdout } = await run(process.execPath, [moved, join(alone.path, 'data')], { cwd: alone.path });
    const error: unknown = JSON.parse(stdout);
    expect(error).toMatchObject({ own: true, code: 'unsupported' });
    expect(error).toHaveProperty('message', expect.stringContaining('leave elanus out of the bundle'));
  } finally {
    await alone.remove();
  }
});

test('what Node makes of the code is kept in a folder that is named, and is not trusted', async () => {
  const code = join(folder.path, 'code');
  const script = join(folder.path, 'start.mjs');
  const entry = pathToFileURL(join(checkout, 'dist/server/open.js')).href;
  await writeFile(
    script,
    `import { open } from ${JSON.stringify(entry)};
     const reasons = [];
     for (const codeFolder of ['', process.argv[1], '/proc/none/code', ${JSON.stringify(code)}])
       await open(process.argv[2], { listen: false, codeFolder }).then(
         (database) => database.close(),
         ({ key }) => reasons.push(key),
       );
     console.log(JSON.stringify(reasons));`,
  );
  expect(await output(script)).toEqual(['invalid_parameter', 'folder_unusable', 'folder_unusable']);
  const kept = (await readdir(code, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
  expect(kept.length).toBeGreaterThan(5);
  expect(kept.map(({ name }) => name).join()).toMatch(/database-[^,]*\.code/);
  for (const { parentPath, name } of kept) {
    const bytes = await readFile(join(parentPath, name));
    await writeFile(join(parentPath, name), bytes.fill(7, bytes.length >> 1));
  }
  expect(await output(script)).toEqual(['invalid_parameter', 'folder_unusable', 'folder_unusable']);
});

test('a start reads what every program needs, and nothing of what few do', async () => {
  const parts = join(checkout, 'dist/bundle');
  const texts = new Map<string, string>();
  const read = async (name: string, folder = parts): Promise<void> => {
    if (texts.has(name)) return;
    const text = await readFile(join(folder, name), 'utf8');
    texts.set(name, text);
    // Parts that are imported when they are asked for are not among them.
    const named = text.matchAll(
      /(?:\b(?:import|from)\s*["']|new URL\(')(?:\.|\.\.\/bundle)\/([\w-]+\.c?js)["']/g,
    );
    for (const [, part = ''] of named) await read(part);
  };
  await read('database.js', join(checkout, 'dist/server'));
  const all = [...texts.values()].join('');
  expect(texts.size).toBeGreaterThan(5);
  expect(all.length).toBeLessThan(3_600_000);
  for (const name of ['lazy-jts.cjs', 'lazy-re2.cjs', 'lazy-lmdb.cjs']) {
    expect(all).toContain(name);
    expect((await readFile(join(parts, name), 'utf8')).length).toBeGreaterThan(10_000);
  }
  for (const known of ['getEnvelopeInternal(){', 'RE2JS', 'msgpackr']) expect(all).not.toContain(known);
});

test('webpack finds no folder to take whole in what it is given', async () => {
  // It follows a `createRequire` that is imported by its name, and takes all files that the call could mean.
  const files = new Set([join(checkout, 'dist/client/connect.js'), join(checkout, 'dist/server/open.js')]);
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    expect(text, file).not.toMatch(/import\s*\{[^}]*\bcreateRequire\b[^}]*\}\s*from\s*["']node:module["']/);
    for (const [, way = ''] of text.matchAll(/(?:from|import)\s*\(?["'](\.[^"']+\.js)["']/g))
      files.add(join(file, '..', way));
  }
  expect(files.size).toBeGreaterThan(5);
});
