// Objects as files of a folder: one immutable file per key. Serves one process; `ifAbsent` is a mutex per key plus a look.
import { KeyedMutex } from '#base/async.js';
import type { Files, ReadFile } from './files.js';
import { checkObjectKey, type ObjectStore } from './object-store.js';

/**
 * How many parts of a key name a folder that stays when it is empty, by its first part: kind, collection, partition, which writers in several
 * processes share. Below them each segment, and each build of an index, has folders that come and go with it.
 */
const KEPT_PARTS: Readonly<Record<string, number>> = {
  insert_log: 3,
  delta_log: 3,
  manifest: 3,
  index_files: 1,
};

/**
 * Below which folder those of an object's path go with what was in them. `path` begins with the folder of the store.
 * @returns undefined where folders are not ours: users put files to import beside our objects
 */
function keptFolder(path: string): string | undefined {
  const [store, kind = '', ...rest] = path.split('/');
  const kept = Object.hasOwn(KEPT_PARTS, kind) ? KEPT_PARTS[kind] : undefined;
  return kept === undefined ? undefined : [store, kind, ...rest.slice(0, kept - 1)].join('/');
}

export class FileObjectStore implements ObjectStore {
  readonly #files: Files;
  readonly #folder: string;
  readonly #keys = new KeyedMutex();

  constructor(files: Files, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  async put(
    key: string,
    parts: Iterable<Uint8Array>,
    options?: { readonly ifAbsent?: boolean },
  ): Promise<boolean> {
    const path = this.#path(key);
    return this.#keys.run(key, async () => {
      if (options?.ifAbsent === true && (await this.#files.size(path)) !== undefined) return false;
      await this.#files.write(path, parts);
      return true;
    });
  }

  async get(key: string): Promise<Uint8Array> {
    return this.#files.read(this.#path(key));
  }

  async getRange(key: string, begin: number, end: number): Promise<Uint8Array> {
    return this.#files.readRange(this.#path(key), begin, end);
  }

  async readInto(key: string, begin: number, parts: readonly Uint8Array[]): Promise<number> {
    return this.#files.readInto(this.#path(key), begin, parts);
  }

  async size(key: string): Promise<number | undefined> {
    return this.#files.size(this.#path(key));
  }

  async openRead(key: string): Promise<ReadFile | undefined> {
    return this.#files.openRead(this.#path(key), { below: this.#folder });
  }

  async list(prefix: string): Promise<readonly string[]> {
    // Only whole folders can be listed: take the deepest one the prefix names, then filter.
    const slash = prefix.lastIndexOf('/');
    const below = slash < 0 ? '' : prefix.slice(0, slash);
    if (below !== '') checkObjectKey(below);
    const paths = await this.#files.list(below === '' ? this.#folder : `${this.#folder}/${below}`);
    return paths.map((path) => path.slice(this.#folder.length + 1)).filter((key) => key.startsWith(prefix));
  }

  async remove(key: string): Promise<void> {
    const path = this.#path(key);
    await this.#keys.run(key, () => this.#files.remove(path, keptFolder(path)));
  }

  #path(key: string): string {
    checkObjectKey(key);
    return `${this.#folder}/${key}`;
  }
}
