// The library: a Milvus server inside this process. Any Milvus client connects to its address. This file is all that a bundler may take
// into a bundle: the database itself has threads, WebAssembly and a native part that are files beside each other, so it is loaded from the
// installed package when `open` is called (docs/bundlers.md, ADR 0024).
import { existsSync, mkdirSync } from 'node:fs';
import * as nodeModule from 'node:module';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
// First: timers are as they are at the import, whatever a program's tests make of them before they open.
import '#platform/node/node-time.js';
import { ElanusError, type ErrorKey, errorSpecs, messageOf, toElanusError } from '#base/errors.js';
import type { Elanus, OpenOptions } from './database.js';
import { checkRuntime } from './runtime.js';

export { ElanusError, type ErrorKey } from '#base/errors.js';

export type { Elanus, OpenOptions } from './database.js';

/**
 * Opens a database in this process.
 * @param folder where the data lives, made when missing; none: in memory only, gone with `close`.
 * @throws ElanusError, always: `code` is `folder_in_use` when another process, or an earlier `open`, has the folder; `folder_unusable` when
 * it is a file, holds what is not Elanus's, is of a newer version, or cannot be made, read and written (it is left as it is);
 * `invalid_parameter` for a wrong option; `refused` when the port is taken; `io_failed` and `data_corrupt` for disks and what is on them;
 * `unsupported` on an old Node.js, Bun or Deno, a platform without lmdb's native part, and in a bundle that finds no installed package.
 */
export async function open(folder?: string, options: OpenOptions = {}): Promise<Elanus> {
  try {
    checkRuntime(process.versions);
    if (options.codeFolder !== undefined) keepCode(options.codeFolder);
    const { openDatabase } = await loadDatabase();
    const database = await openDatabase(folder, options);
    const close = (): Promise<void> => database.close().catch((error: unknown) => rethrow(error, 'close'));
    return { ...database, close };
  } catch (error) {
    return rethrow(error, 'open');
  }
}

/** What is loaded from now on is kept, our threads' code too. Node checks what it finds there: its own version, and sums of code and cache. */
function keepCode(folder: unknown): void {
  if (typeof folder !== 'string' || folder === '')
    throw new ElanusError(
      'invalid_parameter',
      'codeFolder is no path, expected a text; leave it out to keep nothing',
    );
  const { enableCompileCache, constants }: Partial<typeof nodeModule> = nodeModule;
  if (enableCompileCache === undefined) return;
  const unusable = (reason: string | undefined): ElanusError =>
    new ElanusError(
      'folder_unusable',
      `codeFolder ${JSON.stringify(folder)} cannot be used: ${reason}; choose a folder that this user may write to, or leave it out`,
    );
  try {
    makeFolder(path.resolve(folder));
  } catch (error) {
    throw unusable(messageOf(error));
  }
  const kept = enableCompileCache(path.resolve(folder));
  if (kept.status === constants?.compileCacheStatus.FAILED) throw unusable(kept.message);
}

/** Node makes all that is missing at once, and below a folder that takes none, as /proc, goes round for ever. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  mkdirSync(folder);
}

/** In a bundle the database's errors are of another copy of the class; the caller's `instanceof` must hold for its own. */
function rethrow(error: unknown, where: string): never {
  if (error instanceof Error && error.name === 'ElanusError' && 'key' in error && isErrorKey(error.key))
    throw error instanceof ElanusError ? error : new ElanusError(error.key, error.message, { cause: error });
  throw toElanusError(error, where);
}

const isErrorKey = (key: unknown): key is ErrorKey =>
  typeof key === 'string' && Object.hasOwn(errorSpecs, key);

/** The name is put together here so that no bundler follows it; comments for those that ask for one. */
const DATABASE = `./${'database'}`;

async function loadDatabase(): Promise<typeof import('./database.js')> {
  const url = databaseUrl(import.meta.url, process.cwd(), process.argv[1]);
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url);
}

/**
 * Where the database is: beside this file, or, when this file was copied into a bundle, in the package that Node finds from there.
 * @param own this file's URL; CommonJS bundles have none.
 */
function databaseUrl(own: string | undefined, workingFolder: string, program: string | undefined): string {
  if (own?.startsWith('file:')) {
    const beside = new URL(`${DATABASE}${path.extname(own) === '.ts' ? '.ts' : '.js'}`, own);
    if (existsSync(beside)) return beside.href;
  }
  const searched = [own, program, path.join(workingFolder, 'index.js')].filter((from) => from !== undefined);
  for (const from of searched) {
    const entry = installedEntry(from);
    if (entry !== undefined) return new URL(`${DATABASE}.js`, pathToFileURL(entry)).href;
  }
  throw new ElanusError(
    'unsupported',
    `the code of elanus was put into a bundle, and the package itself is not installed where Node looks from ${searched.join(', ')}: expected it in a node_modules folder there; leave elanus out of the bundle (esbuild: external, Next.js: serverExternalPackages) and install it beside the bundle, as docs/bundlers.md shows`,
  );
}

/** The installed package's entry as seen from a file, or undefined. */
function installedEntry(from: string): string | undefined {
  try {
    return nodeModule.createRequire(from).resolve('elanus');
  } catch {
    return undefined; // Not there, or not a path: the caller looks from the next place.
  }
}
