// Files of words that were made known by a name: what was in them then is in the record, so that nothing that happens to a file afterwards changes
// what an analyzer makes of texts. A change of the file counts once it is made known anew.
import { Mutex } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { commitChanges, HeldRecords } from '#catalog/held-records.js';
import { idKey, recordTable } from '#catalog/record-table.js';
import type { MetaStore } from '#platform/meta-store.js';
import type { Platform } from '#platform/platform.js';
import { FileResourceRecord } from '#proto/elanus/data.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import { badFileKey } from '#segment/imports/file-key.js';
import { linesOfText } from '#text/word-files.js';

/** Analyzers have at most as many characters, with all of their words. */
const FILE_BYTES_MAX = 1_048_576;
/** All are in memory. */
const RESOURCES_MAX = 128;
const NAME_LENGTH_MAX = 255;

export interface FileResourcesParts {
  readonly platform: Pick<Platform, 'metaStore' | 'objectStore'>;
  readonly allocateId: () => Promise<bigint>;
  /** The name of a collection whose analyzers have the words of the resource. */
  readonly userOf: (id: bigint) => string | undefined;
}

export class FileResources {
  readonly #parts: FileResourcesParts;
  readonly #store: MetaStore;
  readonly #records: HeldRecords<bigint, FileResourceRecord>;
  readonly #changes = new Mutex();
  /** Those of collections that are being made, each time. */
  readonly #held = new Map<bigint, number>();

  private constructor(parts: FileResourcesParts) {
    this.#parts = parts;
    const { metaStore } = parts.platform;
    this.#store = metaStore;
    const table = recordTable(metaStore, 'root-coord/file-resource/', FileResourceRecord);
    this.#records = new HeldRecords(table, idKey, ({ id }) => id);
  }

  static async open(parts: FileResourcesParts): Promise<FileResources> {
    const resources = new FileResources(parts);
    await resources.#records.load();
    return resources;
  }

  get all(): readonly FileResourceRecord[] {
    return [...this.#records.records.values()];
  }

  #named(name: string): FileResourceRecord | undefined {
    return this.all.find((record) => record.name === name);
  }

  /** The same again changes nothing. @throws invalid_parameter, refused for a file that is not there, quota_exceeded */
  add({ name, path }: { readonly name: string; readonly path: string }, receipt: Receipt): Promise<void> {
    return this.#changes.run(async () => {
      if (name === '' || name.length > NAME_LENGTH_MAX)
        refuse(`the name of a file resource has ${name.length} characters, expected 1 to ${NAME_LENGTH_MAX}`);
      const known = this.#named(name);
      if (known?.path === path) return;
      if (known !== undefined)
        refuse(`file resource ${name} is ${known.path}; remove it first, or choose another name`);
      if (this.#records.records.size >= RESOURCES_MAX)
        throw new ElanusError(
          'quota_exceeded',
          `there are ${RESOURCES_MAX} file resources, which is the most; remove one that no collection uses`,
        );
      const content = await this.#read(path);
      const id = await this.#parts.allocateId();
      const record = FileResourceRecord.create({ id, name, path, content });
      await commitChanges(this.#store, [this.#records.put(record), ...receipt()]);
    });
  }

  /** A name that is not known is no error. @throws invalid_parameter while a collection uses it */
  remove(name: string, receipt: Receipt): Promise<void> {
    return this.#changes.run(async () => {
      const known = this.#named(name);
      if (known === undefined) return;
      const user = this.#held.has(known.id) ? 'that is being created' : this.#parts.userOf(known.id);
      if (user !== undefined)
        refuse(`file resource ${name} is used by collection ${user}; drop the collection first`);
      await commitChanges(this.#store, [this.#records.remove(known.id), ...receipt()]);
    });
  }

  /** The lines of a resource, and its id. @param file the last part of its path @throws invalid_parameter */
  linesOf(resource: string, file: string): { readonly id: bigint; readonly lines: readonly string[] } {
    const known = this.#named(resource);
    if (known === undefined)
      return refuse(`file resource ${resource.slice(0, NAME_LENGTH_MAX)} not found; add it first`);
    const name = known.path.slice(known.path.lastIndexOf('/') + 1);
    if (name !== file)
      refuse(`file resource ${resource} has the file ${name}, and the analyzer names ${file.slice(0, 255)}`);
    return { id: known.id, lines: linesIn(known.content, known.path) };
  }

  /** @throws invalid_parameter, refused */
  async linesOfFile(path: string): Promise<readonly string[]> {
    return linesIn(await this.#read(path), path);
  }

  /** They stay while a collection is made that has their words. */
  async whileHeld<T>(ids: readonly bigint[], use: () => Promise<T>): Promise<T> {
    if (ids.some((id) => !this.#records.records.has(id)))
      refuse('a file resource that an analyzer names was removed meanwhile; add it again');
    for (const id of ids) this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    try {
      return await use();
    } finally {
      for (const id of ids) {
        const left = (this.#held.get(id) ?? 1) - 1;
        if (left === 0) this.#held.delete(id);
        else this.#held.set(id, left);
      }
    }
  }

  async #read(path: string): Promise<Uint8Array> {
    const bad = badFileKey(path);
    if (bad !== undefined) refuse(`file ${JSON.stringify(path.slice(0, 200))} ${bad.fact}`);
    // Opened as a plain file that lies below the folder of objects once links are resolved.
    const file = await this.#parts.platform.objectStore.openRead(path);
    if (file === undefined) throw new ElanusError('refused', `file resource path not exist: ${path}`);
    try {
      if (file.size > FILE_BYTES_MAX)
        refuse(`file ${path} has ${file.size} bytes, expected at most ${FILE_BYTES_MAX}; make it shorter`);
      const content = await file.read(0, file.size);
      linesIn(content, path);
      return content.slice();
    } finally {
      await file.close();
    }
  }
}

function linesIn(content: Uint8Array, path: string): readonly string[] {
  try {
    return linesOfText(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    return refuse(`file ${path} is no UTF-8, expected text with an entry a line`);
  }
}

function refuse(fact: string): never {
  throw new ElanusError('invalid_parameter', `${fact}: invalid parameter`);
}
