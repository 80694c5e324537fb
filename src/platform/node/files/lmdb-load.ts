// Loads lmdb, whose native part is there for some platforms only. Loaded when a folder is opened: a database in memory runs everywhere.
import { ElanusError, messageOf } from '#base/errors.js';
import type { LmdbOpen } from './lmdb-meta-store.js';

interface Loading {
  readonly platform: string;
  readonly arch: string;
  load(): Promise<{ readonly open: LmdbOpen }>;
}

/**
 * All copies of Elanus in a thread use the lmdb that one of them has loaded. Its native part has one buffer a thread for the values that it reads, and a
 * second copy of its JavaScript takes that away from the first, which from then on reads what was there before.
 */
const LOADED = Symbol.for('elanus.lmdb');
interface Shared {
  [LOADED]?: Promise<{ readonly open: LmdbOpen }>;
}

const here: Loading = {
  platform: process.platform,
  arch: process.arch,
  load() {
    const shared = globalThis as Shared;
    shared[LOADED] ??= import('lmdb');
    return shared[LOADED];
  },
};

/** @throws unsupported when lmdb's native part for this platform is not installed or does not load, and where functions of text are forbidden */
export async function loadLmdb({ platform, arch, load }: Loading = here): Promise<LmdbOpen> {
  try {
    return (await load()).open;
  } catch (error) {
    if (error instanceof EvalError)
      throw new ElanusError(
        'unsupported',
        `lmdb, which keeps the metadata of a data folder, makes functions of text, and this process forbids that (${oneLine(error)}): expected Node.js without --disallow-code-generation-from-strings; a database in memory needs no lmdb`,
        { cause: error },
      );
    throw new ElanusError(
      'unsupported',
      `lmdb, which keeps the metadata of a data folder, has no native part for ${platform}-${arch} here (${oneLine(error)}): expected the package @lmdb/lmdb-${platform}-${arch} beside lmdb; install again on this platform without --omit=optional, or build it from source (npm rebuild lmdb --build-from-source); a database in memory needs none`,
      { cause: error },
    );
  }
}

const oneLine = (error: unknown): string =>
  messageOf(error)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 300);
