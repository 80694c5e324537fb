// The records of one table as their writer holds them: in memory, each with the revision at which it was read or written. A change names
// the revisions it rests on, so a writer that was overtaken changes nothing: it reads again and decides again.
import { ElanusError } from '#base/errors.js';
import { metaChangesMax } from '#platform/meta-check.js';
import type { MetaCompare, MetaOperation, MetaStore } from '#platform/meta-store.js';
import type { RecordTable } from './record-table.js';

/** One record's part in a change: what must still hold, what becomes of it, and what memory learns once that is durable. */
export interface RecordChange {
  readonly compare: MetaCompare;
  /** Nothing for a guard: the record only has to be as it was read. */
  readonly operation: MetaOperation | undefined;
  /** Called when the change is durable, with the revision of its transaction. */
  readonly done: (revision: bigint) => void;
  /** Reads the record anew. @returns what has memory take it, unless a change that knew what is there came meanwhile */
  readonly read: () => Promise<() => void>;
}

/** What follows from records and is kept beside them: it hears of each change, also of those of another writer that were read anew. */
export interface RecordFollower<Id, T> {
  held?(record: T): void;
  forgotten?(id: Id): void;
}

export class HeldRecords<Id, T> {
  readonly #table: RecordTable<T>;
  readonly #keyOf: (id: Id) => string;
  readonly #idOf: (record: T) => Id;
  readonly #groupOf: ((record: T) => bigint) | undefined;
  readonly #follower: RecordFollower<Id, T>;
  readonly #records = new Map<Id, T>();
  readonly #revisions = new Map<Id, bigint>();
  /** Ids by group, each in the order of `records`. A list is a tenth of a map, and most groups have one record. */
  readonly #groups = new Map<bigint, Id[]>();
  /** The newest revision that was ever held. */
  #newest = 0n;
  #changes = 0;

  /** @param groupOf a group of a record that never changes, for `of` */
  constructor(
    table: RecordTable<T>,
    keyOf: (id: Id) => string,
    idOf: (record: T) => Id,
    groupOf?: (record: T) => bigint,
    follower: RecordFollower<Id, T> = {},
  ) {
    this.#table = table;
    this.#keyOf = keyOf;
    this.#idOf = idOf;
    this.#groupOf = groupOf;
    this.#follower = follower;
  }

  /** Every record as it was last read or written. */
  get records(): ReadonlyMap<Id, T> {
    return this.#records;
  }

  /** The records of a group, in the order of `records`: what it costs does not depend on how many there are of others. */
  of(group: bigint): T[] {
    const found: T[] = [];
    for (const id of this.#groups.get(group) ?? []) {
      const record = this.#records.get(id);
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  /** The newest revision in a group, and how many records there are in it. */
  newestOf(group: bigint): { readonly revision: bigint; readonly count: number } {
    const ids = this.#groups.get(group);
    let revision = 0n;
    for (const id of ids ?? []) {
      const one = this.revisionOf(id);
      if (one > revision) revision = one;
    }
    return { revision, count: ids?.length ?? 0 };
  }

  /**
   * No two states of the table have the same, over restarts too: a put has a revision above all before it, a removal lowers the count. Changes
   * are counted beside, for a record whose change was answered late may come behind newer ones.
   */
  get mark(): string {
    return `${this.#newest} ${this.#records.size} ${this.#changes}`;
  }

  /** The revision of the record as it is held; 0: there is none. Rises with every change, also from one life of the process to the next. */
  revisionOf(id: Id): bigint {
    return this.#revisions.get(id) ?? 0n;
  }

  async load(): Promise<void> {
    for (const { record, revision } of await this.#table.entries())
      this.#hold(this.#idOf(record), record, revision);
  }

  put(record: T): RecordChange {
    const id = this.#idOf(record);
    return this.#change(id, this.#table.put(this.#keyOf(id), record), (revision) =>
      this.#hold(id, record, revision),
    );
  }

  remove(id: Id): RecordChange {
    return this.#change(id, this.#table.remove(this.#keyOf(id)), () => this.#forget(id));
  }

  /** The record must be as it is held, or absent as it is here. */
  guard(id: Id): RecordChange {
    return this.#change(id, undefined, () => {});
  }

  #change(id: Id, operation: MetaOperation | undefined, done: (revision: bigint) => void): RecordChange {
    const key = this.#table.prefix + this.#keyOf(id);
    const compare = { key, modRevision: this.#revisions.get(id) ?? 0n };
    return { compare, operation, done, read: () => this.#read(id) };
  }

  async #read(id: Id): Promise<() => void> {
    const before = this.#revisions.get(id);
    const entry = await this.#table.entry(this.#keyOf(id));
    return () => {
      if (this.#revisions.get(id) !== before) return;
      if (entry === undefined) this.#forget(id);
      else this.#hold(id, entry.record, entry.revision);
    };
  }

  #hold(id: Id, record: T, revision: bigint): void {
    if (this.#groupOf !== undefined && !this.#records.has(id)) {
      const group = this.#groupOf(record);
      const ids = this.#groups.get(group);
      if (ids === undefined) this.#groups.set(group, [id]);
      else ids.push(id);
    }
    if (revision > this.#newest) this.#newest = revision;
    this.#changes++;
    this.#records.set(id, record);
    this.#revisions.set(id, revision);
    this.#follower.held?.(record);
  }

  #forget(id: Id): void {
    const record = this.#records.get(id);
    if (this.#groupOf !== undefined && record !== undefined) {
      const group = this.#groupOf(record);
      const left = this.#groups.get(group)?.filter((other) => other !== id) ?? [];
      if (left.length === 0) this.#groups.delete(group);
      else this.#groups.set(group, left);
    }
    this.#changes++;
    this.#records.delete(id);
    this.#revisions.delete(id);
    this.#follower.forgotten?.(id);
  }
}

/**
 * Makes the changes durable, then known in memory. Those beyond one transaction go in several, in order, each with all guards: the caller
 * puts the deciding record last, and what a crash leaves of the earlier ones must be harmless without it. Memory learns of them together.
 * @throws catalog_conflict after reading anew what the change rests on: decide again
 */
export async function commitChanges(
  store: MetaStore,
  changes: readonly RecordChange[],
  guards: readonly RecordChange[] = [],
): Promise<void> {
  await settleChanges(store);
  const durable: { readonly change: RecordChange; readonly revision: bigint }[] = [];
  const step = metaChangesMax - guards.length;
  try {
    for (let begin = 0; begin < changes.length; begin += step) {
      const batch = changes.slice(begin, begin + step);
      const changed = new Set(changes.slice(0, begin + step).map(({ compare }) => compare.key));
      const standing = guards.filter(({ compare }) => !changed.has(compare.key));
      const operations = batch.flatMap(({ operation }) => (operation === undefined ? [] : [operation]));
      const compares = [...standing, ...batch].map(({ compare }) => compare);
      const revision = await store.transact(compares, operations).catch(async (error: unknown) => {
        await readAnew(store, batch);
        throw error;
      });
      if (revision === undefined) {
        await takeAnew([...standing, ...batch]);
        const keys = batch.map(({ compare }) => compare.key);
        throw new ElanusError(
          'catalog_conflict',
          `the catalog was changed meanwhile by another writer, expected ${keys[0] ?? 'it'} as it was read; decide again on what is there now`,
        );
      }
      for (const change of batch) durable.push({ change, revision });
    }
  } finally {
    for (const { change, revision } of durable) change.done(revision);
  }
}

/** Changes that failed without an outcome and could not be read anew yet, by store. */
const unsettled = new WeakMap<MetaStore, Set<RecordChange>>();
/** A transaction that fails may have been carried out all the same: memory takes what is there, now or before the next decision. */
async function readAnew(store: MetaStore, changes: readonly RecordChange[]): Promise<void> {
  const waiting = unsettled.get(store) ?? new Set();
  unsettled.set(store, waiting);
  for (const change of changes) waiting.add(change);
  await settleChanges(store).catch(() => {});
}

/**
 * Memory is as the store is afterwards, also after a change whose outcome got lost: to be called before something is done that memory
 * alone decides, as removing what no record names. @throws what the store throws: then memory may be behind
 */
export async function settleChanges(store: MetaStore): Promise<void> {
  const waiting = unsettled.get(store);
  if (waiting === undefined || waiting.size === 0) return;
  const changes = [...waiting];
  await takeAnew(changes);
  for (const change of changes) waiting.delete(change);
}

/**
 * Memory takes all in one turn, or none: of segments that replaced others, half would be rows that are nowhere, and who decides by what a
 * collection has would not see the rest. @throws what the store throws
 */
async function takeAnew(changes: readonly RecordChange[]): Promise<void> {
  const found: (() => void)[] = [];
  for (const { read } of changes) found.push(await read());
  for (const take of found) take();
}

/** Attempts of one decision whose basis keeps changing. */
const DECISIONS_MAX = 5;
/** Runs a decision again when what it rests on was changed meanwhile; `decide` must read the records anew each time. */
export async function redeciding<T>(decide: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof ElanusError) || error.key !== 'catalog_conflict' || attempt >= DECISIONS_MAX)
        throw error;
    }
  }
}
