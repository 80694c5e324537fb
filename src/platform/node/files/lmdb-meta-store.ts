// MetaStore in an lmdb folder. A transaction's check and writes run in one lmdb write transaction; its promise resolves after the
// flush to disk. Each value carries its modRevision in its first 8 bytes; the last revision is kept in a second table.
import type * as lmdb from 'lmdb';
import { ElanusError, messageOf } from '#base/errors.js';
import { byKey, checkTransaction, compareHolds } from '#platform/meta-check.js';
import type { MetaCompare, MetaEntry, MetaEvent, MetaOperation, MetaStore } from '#platform/meta-store.js';
import { MetaWatchers } from '#platform/meta-watchers.js';

export type LmdbOpen = typeof lmdb.open;

const keyBytesMax = 1900; // lmdb keys end at 1978 bytes with 4 KiB pages.

function decode(key: string, stored: Uint8Array): MetaEntry {
  // lmdb may reuse its buffer after the next read, so the value is copied.
  const value = new Uint8Array(stored.length - 8);
  value.set(stored.subarray(8));
  return { key, value, modRevision: new DataView(stored.buffer, stored.byteOffset).getBigUint64(0) };
}

function encode(value: Uint8Array, revision: bigint): Buffer {
  const bytes = Buffer.alloc(8 + value.length);
  bytes.writeBigUInt64BE(revision, 0);
  bytes.set(value, 8);
  return bytes;
}

export class LmdbMetaStore implements MetaStore {
  readonly #root;
  readonly #entries;
  readonly #state;
  readonly #watchers = new MetaWatchers();
  #committed: { readonly revision: bigint; readonly events: readonly MetaEvent[] }[] = [];
  #closed = false;

  /** @param open lmdb's, from `loadLmdb`. */
  constructor(folder: string, open: LmdbOpen) {
    this.#root = open({ path: folder, noSubdir: false, maxDbs: 4, encoding: 'binary' });
    this.#entries = this.#root.openDB<Buffer, string>('entries', { encoding: 'binary', cache: false });
    this.#state = this.#root.openDB<Buffer, string>('state', { encoding: 'binary', cache: false });
  }

  async get(key: string): Promise<MetaEntry | undefined> {
    this.#check(key);
    return this.#read(key);
  }

  async range(prefix: string): Promise<readonly MetaEntry[]> {
    this.#check(prefix);
    return this.#scan(prefix).sort(byKey);
  }

  async transact(
    compares: readonly MetaCompare[],
    operations: readonly MetaOperation[],
  ): Promise<bigint | undefined> {
    checkTransaction(compares, operations);
    for (const compare of compares) this.#check(compare.key);
    for (const operation of operations)
      this.#check(operation.kind === 'deleteRange' ? operation.prefix : operation.key);
    let revision: bigint | undefined;
    try {
      revision = await this.#root.transaction(() => this.#apply(compares, operations));
      if (revision === undefined) return undefined;
      await this.#root.flushed;
    } catch (error) {
      throw new ElanusError(
        'io_failed',
        `metadata transaction: ${messageOf(error)}: check the disk and its space`,
        { cause: error },
      );
    }
    this.#publish(revision);
    return revision;
  }

  watch(prefix: string, onEvent: (event: MetaEvent) => void): { cancel(): void } {
    return this.#watchers.watch(prefix, onEvent);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#root.close();
  }

  /** @returns the new revision, or undefined when a compare failed. Runs inside a write transaction. */
  #apply(compares: readonly MetaCompare[], operations: readonly MetaOperation[]): bigint | undefined {
    if (!compares.every((compare) => compareHolds(compare, this.#read(compare.key)))) return undefined;
    const revision = this.#lastRevision() + 1n;
    const events: MetaEvent[] = [];
    const remove = (key: string): void => {
      if (this.#entries.removeSync(key)) events.push({ kind: 'delete', key, revision });
    };
    for (const operation of operations) {
      if (operation.kind === 'put') {
        this.#entries.putSync(operation.key, encode(operation.value, revision));
        events.push({ kind: 'put', key: operation.key, value: operation.value.slice(), revision });
      } else if (operation.kind === 'delete') remove(operation.key);
      else for (const entry of this.#scan(operation.prefix)) remove(entry.key);
    }
    this.#state.putSync('revision', encode(new Uint8Array(0), revision));
    this.#committed.push({ revision, events });
    return revision;
  }

  #publish(upTo: bigint): void {
    // Commits happen in revision order, so a flushed transaction takes all earlier ones with it.
    const ready = this.#committed.filter((batch) => batch.revision <= upTo);
    this.#committed = this.#committed.filter((batch) => batch.revision > upTo);
    for (const batch of ready) this.#watchers.emit(batch.events);
  }

  #read(key: string): MetaEntry | undefined {
    const stored = this.#entries.get(key);
    return stored === undefined ? undefined : decode(key, stored);
  }

  #scan(prefix: string): MetaEntry[] {
    const found: MetaEntry[] = [];
    for (const { key, value } of this.#entries.getRange(prefix === '' ? {} : { start: prefix })) {
      if (!key.startsWith(prefix)) break;
      found.push(decode(key, value));
    }
    return found;
  }

  #lastRevision(): bigint {
    const stored = this.#state.get('revision');
    return stored === undefined ? 0n : decode('revision', stored).modRevision;
  }

  #check(key: string): void {
    if (this.#closed)
      throw new ElanusError(
        'service_unavailable',
        'metadata store is closed, expected it open: open the database again',
      );
    if (Buffer.byteLength(key) > keyBytesMax || key.includes('\0')) {
      throw new ElanusError(
        'invalid_parameter',
        `metadata key of ${key.length} characters: expected at most ${keyBytesMax} bytes and no NUL: shorten it`,
      );
    }
  }
}
