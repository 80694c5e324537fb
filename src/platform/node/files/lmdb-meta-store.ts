// MetaStore in an lmdb folder, which no other process has open (LOCK). Each value carries its modRevision in its first 8 bytes; the last
// revision is kept in a second table.
//
// Transactions wait in a queue. All that wait once those before are on disk are one group: in one turn each is decided, by what is stored and
// what the group before it changes, and the changes of all become one batch, of which lmdb commits all or nothing. Nobody else writes between a
// decision and its batch, so nothing has to be read inside lmdb's transaction; and its thread never waits for this one, which may be
// ending the process (ADR 0093). A crash leaves whole groups; none was answered before it was on disk.
import type * as lmdb from 'lmdb';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { byKey, checkTransaction, compareHolds } from '#platform/meta-check.js';
import type { MetaCompare, MetaEntry, MetaEvent, MetaOperation, MetaStore } from '#platform/meta-store.js';
import { MetaWatchers } from '#platform/meta-watchers.js';

/** lmdb begins with a batch once all of it is there: its thread waits for nothing more of this one. */
const wholeBatches = { eventTurnBatching: false, batchStartThreshold: Number.MAX_SAFE_INTEGER };

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

/** What a group changes, by key; undefined: it is gone. */
type Changes = Map<string, MetaEntry | undefined>;

interface Waiting {
  readonly compares: readonly MetaCompare[];
  readonly operations: readonly MetaOperation[];
  readonly done: Deferred<bigint | undefined>;
}

export class LmdbMetaStore implements MetaStore {
  readonly #root;
  readonly #entries;
  readonly #state;
  readonly #watchers = new MetaWatchers();
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** @param open lmdb's, from `loadLmdb`. */
  constructor(folder: string, open: LmdbOpen) {
    this.#root = open({ path: folder, noSubdir: false, maxDbs: 4, encoding: 'binary', ...wholeBatches });
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
    const done = deferred<bigint | undefined>();
    this.#waiting.push({ compares, operations, done });
    this.#running ??= this.#drain();
    return done.promise;
  }

  watch(prefix: string, onEvent: (event: MetaEvent) => void): { cancel(): void } {
    return this.#watchers.watch(prefix, onEvent);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#root.close();
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    // One turn later, so that transactions of the same turn share a commit.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#carryOut(this.#waiting.splice(0));
    this.#running = undefined;
  }

  async #carryOut(group: readonly Waiting[]): Promise<void> {
    const revisions: (bigint | undefined)[] = [];
    const events: MetaEvent[] = [];
    try {
      const changes: Changes = new Map();
      let last = this.#lastRevision();
      for (const { compares, operations } of group) {
        const isOn = compares.every((compare) => compareHolds(compare, this.#seen(compare.key, changes)));
        if (isOn) this.#apply(operations, ++last, changes, events);
        revisions.push(isOn ? last : undefined);
      }
      if (revisions.some((revision) => revision !== undefined)) await this.#write(changes, last);
    } catch (error) {
      const reason = await reasonOf(error);
      for (const { done } of group)
        done.reject(
          new ElanusError('io_failed', `metadata transaction: ${reason}: check the disk and its space`, {
            cause: error,
          }),
        );
      return;
    }
    try {
      this.#watchers.emit(events);
    } catch (error) {
      // A watcher's mistake is its transaction's failure, and not the end of all that come later.
      for (const { done } of group) done.reject(error);
      return;
    }
    for (const [at, { done }] of group.entries()) done.resolve(revisions[at]);
  }

  /** What the key is once the group's changes so far have been made. */
  #seen(key: string, changes: Changes): MetaEntry | undefined {
    return changes.has(key) ? changes.get(key) : this.#read(key);
  }

  #apply(
    operations: readonly MetaOperation[],
    revision: bigint,
    changes: Changes,
    events: MetaEvent[],
  ): void {
    const remove = (key: string): void => {
      if (this.#seen(key, changes) === undefined) return;
      changes.set(key, undefined);
      events.push({ kind: 'delete', key, revision });
    };
    for (const operation of operations) {
      const { kind } = operation;
      if (kind === 'put') {
        const value = operation.value.slice();
        changes.set(operation.key, { key: operation.key, value, modRevision: revision });
        events.push({ kind, key: operation.key, value, revision });
      } else if (kind === 'delete') remove(operation.key);
      else {
        const keys = new Set(this.#scan(operation.prefix).map(({ key }) => key));
        for (const key of changes.keys()) if (key.startsWith(operation.prefix)) keys.add(key);
        for (const key of [...keys].sort()) remove(key);
      }
    }
  }

  /** One commit. Resolves when it is on disk. */
  async #write(changes: Changes, revision: bigint): Promise<void> {
    const puts: (readonly [key: string, stored: Buffer])[] = [];
    const gone: string[] = [];
    for (const [key, entry] of changes)
      if (entry === undefined) gone.push(key);
      else puts.push([key, encode(entry.value, entry.modRevision)]);
    const state = encode(new Uint8Array(0), revision);
    // The promises of single writes say nothing beyond that of the batch.
    await this.#entries.batch(() => {
      for (const [key, stored] of puts) void this.#entries.put(key, stored);
      for (const key of gone) void this.#entries.remove(key);
      void this.#state.put('revision', state);
    });
    await this.#root.flushed;
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

/** A failed commit names its cause in a promise of its own, which nobody else takes. */
async function reasonOf(error: unknown): Promise<string> {
  if (error instanceof Error && 'commitError' in error)
    return Promise.resolve(error.commitError).then(() => messageOf(error), messageOf);
  return messageOf(error);
}
