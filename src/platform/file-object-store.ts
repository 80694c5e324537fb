// Objects as files of a folder: one immutable file per key. Serves one process; `ifAbsent` is a mutex per key plus a look.
import { KeyedMutex } from '#base/async.js';
import type { Files, ReadFile } from './files.js';
import { checkObjectKey, type ObjectStore } from './object-store.js';

/** How many parts of a key name what comes and goes all the time, by its first part: files of a segment, or of one build of an index. */
const PARTS_KEPT: Readonly<Record<string, number>> = { index_files: 1 };
/** Kind, collection, partition: writers in several processes share these folders, so they stay when they are empty. */
const PARTS_KEPT_MOST = 3;

/** Below which folder those of an object's path, or of a folder of objects, go with what was in them. `path` begins with the folder of the store. */
export function keptFolder(path: string): string {
  const [store, kind = '', ...rest] = path.split('/');
  const kept = rest.slice(0, (PARTS_KEPT[kind] ?? PARTS_KEPT_MOST) - 1);
  return [store, kind, ...kept].join('/');
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
