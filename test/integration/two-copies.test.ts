// Two copies of the package in one process, as two dependencies of a program may bring them. Installers that keep one store of files hard-link
// them, so that both meet the same native part of lmdb under two names.
import { execFile } from 'node:child_process';
import { link, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const installed = join(root, 'node_modules');

/** All files of a folder, each another name of the same file. */
async function linked(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const names = [join(from, entry.name), join(to, entry.name)] as const;
    await (entry.isDirectory() ? linked(...names) : link(...names));
  }
}

/** @returns the folder of a package that has its own lmdb */
async function installCopy(folder: string): Promise<string> {
  for (const name of ['dist', 'kernels', 'proto']) await linked(join(root, name), join(folder, name));
  await link(join(root, 'package.json'), join(folder, 'package.json'));
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(installed)) {
    if (name.startsWith('.')) continue;
    if (name === 'lmdb' || name === '@lmdb') await linked(join(installed, name), join(modules, name));
    else await symlink(join(installed, name), join(modules, name));
  }
  return folder;
}

const program = `
import { pathToFileURL } from 'node:url';
const [, , ...copies] = process.argv;
const all = await Promise.all(copies.map((copy) => import(pathToFileURL(copy + '/dist/server/open.js').href)));
const databases = [];
const shelves = [];
for (const [at, { open }] of all.entries()) {
  const database = await open(copies[at] + '/data', { listen: false, logLevel: 'silent' });
  databases.push(database);
  const { collection, int64, floatVector } = await import(pathToFileURL(copies[at] + '/dist/client/connect.js').href);
  const books = collection('books', { id: int64().primaryKey(), v: floatVector(2) });
  shelves.push(database.client().collection(books));
}
const counts = [];
for (let round = 0; round < 3; round++)
  for (const [at, shelf] of shelves.entries()) {
    if (round === 0) await shelf.ensure();
    await shelf.insert([{ id: BigInt(round), v: [round, at] }]);
    counts.push(Number(await shelf.count()));
  }
for (const database of databases) await database.close();
console.log(JSON.stringify(counts));
`;

test('each keeps its own database', async () => {
  // Links do not go from one file system to another.
  await mkdir(join(root, '.tmp'), { recursive: true });
  const folder = await mkdtemp(join(root, '.tmp/copies-'));
  const copies = await Promise.all(['a', 'b'].map((name) => installCopy(join(folder, name))));
  const script = join(folder, 'program.mjs');
  await writeFile(script, program);
  const run = await promisify(execFile)(process.execPath, [script, ...copies], { timeout: 50_000 });
  expect(JSON.parse(run.stdout)).toEqual([1, 1, 2, 2, 3, 3]);
  await rm(folder, { recursive: true });
}, 60_000);
