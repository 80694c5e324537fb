// Databases, collections, partitions and index definitions: durable in the meta store, whole in memory. One writer (root-coord).
import { ElanusError } from '#base/errors.js';
import { commitChanges, HeldRecords } from '#catalog/held-records.js';
import { idKey, parsedType, recordTable } from '#catalog/record-table.js';
import {
  type Collection,
  type CreatedCollection,
  isCreated,
  parseCollection,
} from '#model/states/collection.js';
import type { MetaStore } from '#platform/meta-store.js';
import { CollectionRecord, DatabaseRecord } from '#proto/elanus/data.js';
import { type NameMove, UsersCatalog } from '#roles/root-coord/users/users-catalog.js';
import { noReceipt, type Receipt } from '#rpc/sessions/receipts.js';

export const DEFAULT_DATABASE = 'default';

interface CollectionKeys {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly vchannels: readonly string[];
  /** The database among whose collections it counts; of one that is being dropped, none. */
  readonly countsIn: string | undefined;
}

export class DefinitionCatalog {
  /** Who may do what: grants go with what they name, in the transaction that drops or renames it. */
  readonly users: UsersCatalog;
  readonly #store: MetaStore;
  readonly #collections: HeldRecords<bigint, Collection>;
  readonly #byName = new Map<string, bigint>();
  readonly #byAlias = new Map<string, bigint>();
  /** Shards by physical channel, of collections in any state. */
  readonly #shards = new Map<string, number>();
  /** Collections by database, without those that are being dropped. */
  readonly #counts = new Map<string, number>();
  /** Under which keys of the maps above a collection is found. */
  readonly #keys = new Map<bigint, CollectionKeys>();
  readonly #databases: HeldRecords<bigint, DatabaseRecord>;

  private constructor(store: MetaStore, users: UsersCatalog) {
    this.#store = store;
    this.users = users;
    this.#collections = new HeldRecords(
      recordTable(
        store,
        'root-coord/collection/',
        parsedType(CollectionRecord, parseCollection, (collection) => collection),
      ),
      idKey,
      ({ id }) => id,
      undefined,
      { held: (record) => this.#remember(record), forgotten: (id) => this.#forgetKeys(id) },
    );
    this.#databases = new HeldRecords(
      recordTable(store, 'root-coord/database/db-info/', DatabaseRecord),
      idKey,
      ({ id }) => id,
    );
  }

  static async open(store: MetaStore): Promise<DefinitionCatalog> {
    const catalog = new DefinitionCatalog(store, await UsersCatalog.open(store));
    await catalog.#collections.load();
    await catalog.#databases.load();
    return catalog;
  }

  #remember(record: Collection): void {
    this.#forgetKeys(record.id);
    const key = nameKey(record.database, record.schema?.name ?? '');
    // A dropped collection that is still being cleared does not take its name from a newer one.
    if (record.state !== 'dropping' || !this.#byName.has(key)) this.#byName.set(key, record.id);
    const aliases = isCreated(record) ? record.aliases.map((alias) => nameKey(record.database, alias)) : [];
    for (const alias of aliases) this.#byAlias.set(alias, record.id);
    this.#countShards(record.vchannels, 1);
    const countsIn = record.state === 'dropping' ? undefined : record.database;
    count(this.#counts, countsIn, 1);
    this.#keys.set(record.id, { name: key, aliases, vchannels: record.vchannels, countsIn });
  }

  #countShards(vchannels: readonly string[], by: 1 | -1): void {
    for (const vchannel of vchannels) count(this.#shards, physicalOf(vchannel), by);
  }

  /** How many collections a database has, without those that are being dropped. */
  collectionCount(database: string): number {
    return this.#counts.get(database) ?? 0;
  }

  /** How many shards lie in each physical channel that has one. */
  get shards(): ReadonlyMap<string, number> {
    return this.#shards;
  }

  #forgetKeys(id: bigint): void {
    const keys = this.#keys.get(id);
    if (keys === undefined) return;
    if (this.#byName.get(keys.name) === id) this.#byName.delete(keys.name);
    for (const alias of keys.aliases) if (this.#byAlias.get(alias) === id) this.#byAlias.delete(alias);
    this.#countShards(keys.vchannels, -1);
    count(this.#counts, keys.countsIn, -1);
    this.#keys.delete(id);
  }

  collections(): readonly Collection[] {
    return [...this.#collections.records.values()];
  }

  /** The name of a collection whose analyzers have the words of a file resource. */
  userOfResource(id: bigint): string | undefined {
    const uses = ({ state, schema }: Collection): boolean =>
      state !== 'dropping' && schema?.fileResourceIds.includes(id) === true;
    return this.collections().find(uses)?.schema?.name;
  }

  byId(id: bigint): Collection | undefined {
    return this.#collections.records.get(id);
  }

  /** Rises with every change of its record; 0n: there is none. */
  revisionOf(id: bigint): bigint {
    return this.#collections.revisionOf(id);
  }

  /** No two states of all records together have the same. */
  get mark(): string {
    return this.#collections.mark;
  }

  byName(database: string, name: string): Collection | undefined {
    const id = this.#byName.get(nameKey(database, name));
    return id === undefined ? undefined : this.#collections.records.get(id);
  }

  byAlias(database: string, alias: string): CreatedCollection | undefined {
    const id = this.#byAlias.get(nameKey(database, alias));
    const record = id === undefined ? undefined : this.#collections.records.get(id);
    return record !== undefined && isCreated(record) ? record : undefined;
  }

  /** What a client means by a name: a collection in any state, else what the name is an alias of. */
  named(database: string, name: string): Collection | undefined {
    const record = this.byName(database, name);
    return record?.state === 'created' ? record : (this.byAlias(database, name) ?? record);
  }

  /** The collection a client names, by id when given, else by its name or an alias; only whole ones. @throws collection_not_found, database_not_found */
  resolve(ref: { readonly database: string; readonly name: string; readonly id: bigint }): CreatedCollection {
    const database = ref.database === '' ? DEFAULT_DATABASE : ref.database;
    if (ref.id === 0n) this.database(database);
    const record = ref.id !== 0n ? this.byId(ref.id) : this.named(database, ref.name);
    if (record === undefined || !isCreated(record)) {
      const what = ref.id !== 0n ? String(ref.id) : ref.name;
      throw new ElanusError(
        'collection_not_found',
        `can't find collection[database=${database}][collection=${what}]: collection not found[database=${database}][collection=${what}]`,
      );
    }
    return record;
  }

  /**
   * Saves one record, or several in one transaction.
   * @throws catalog_conflict when a record, or the database that one goes to, was changed by another writer meanwhile
   */
  saveCollection(...records: readonly Collection[]): Promise<void> {
    return this.carryOut(noReceipt, ...records);
  }

  /** As `saveCollection`, for a call that leaves a receipt. */
  async carryOut(receipt: Receipt, ...records: readonly Collection[]): Promise<void> {
    const entered = records.filter((record) => this.byId(record.id)?.database !== record.database);
    const databases = new Set(entered.map((record) => this.database(record.database).id));
    const guards = [...databases].map((id) => this.#databases.guard(id));
    const moves = records.flatMap((record) => nameMove(this.byId(record.id), record));
    const changes = [
      ...this.users.following(moves),
      ...records.map((record) => this.#collections.put(record)),
      ...receipt(),
    ];
    await commitChanges(this.#store, changes, guards);
  }

  removeCollection(record: Collection): Promise<void> {
    return commitChanges(this.#store, [this.#collections.remove(record.id)]);
  }

  databases(): readonly DatabaseRecord[] {
    return [...this.#databases.records.values()];
  }

  /** @throws database_not_found */
  database(name: string): DatabaseRecord {
    const wanted = name === '' ? DEFAULT_DATABASE : name;
    // Every read and write comes here twice: nothing is made to look.
    for (const record of this.#databases.records.values()) if (record.name === wanted) return record;
    throw new ElanusError('database_not_found', `database not found[database=${name}]`);
  }

  hasDatabase(name: string): boolean {
    return this.databases().some((database) => database.name === name);
  }

  async saveDatabase(record: DatabaseRecord, receipt = noReceipt): Promise<void> {
    await commitChanges(this.#store, [this.#databases.put(record), ...receipt()]);
  }

  async removeDatabase(record: DatabaseRecord, receipt: Receipt): Promise<void> {
    const grants = this.users.following([{ from: { database: record.name } }]);
    await commitChanges(this.#store, [...grants, this.#databases.remove(record.id), ...receipt()]);
  }
}

/** What a change of a record means to those who name the collection: nothing, another name, or that it is gone. */
function nameMove(before: Collection | undefined, after: Collection): readonly NameMove[] {
  // What was never whole leaves no name behind that anyone could have meant by it.
  if (before?.state !== 'created') return [];
  const from = nameOf(before);
  if (after.state === 'dropping') return [{ from }];
  const to = nameOf(after);
  return from.database === to.database && from.collection === to.collection ? [] : [{ from, to }];
}

/** @param key undefined: it counts nowhere */
function count(counts: Map<string, number>, key: string | undefined, by: 1 | -1): void {
  if (key === undefined) return;
  const sum = (counts.get(key) ?? 0) + by;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

/** The physical channel of a shard. */
export const physicalOf = (vchannel: string): string => vchannel.slice(0, vchannel.lastIndexOf('_'));

const nameOf = ({ database, schema }: Collection) => ({ database, collection: schema?.name ?? '' });

const nameKey = (database: string, name: string): string => `${database}\0${name}`;
