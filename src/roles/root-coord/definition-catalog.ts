// Databases, collections, partitions and index definitions: durable in the meta store, whole in memory. One writer (root-coord).
import { ElanusError } from '#base/errors.js';
import { idKey, type RecordTable, recordTable } from '#catalog/record-table.js';
import type { MetaStore } from '#platform/meta-store.js';
import { CollectionRecord, DatabaseRecord } from '#proto/elanus/data.js';

export const DEFAULT_DATABASE = 'default';
export class DefinitionCatalog {
  readonly #store: MetaStore;
  readonly #collectionTable: RecordTable<CollectionRecord>;
  readonly #databaseTable: RecordTable<DatabaseRecord>;
  readonly #collections = new Map<bigint, CollectionRecord>();
  readonly #byName = new Map<string, bigint>();
  readonly #databases = new Map<string, DatabaseRecord>();

  private constructor(store: MetaStore) {
    this.#store = store;
    this.#collectionTable = recordTable(store, 'root-coord/collection/', CollectionRecord);
    this.#databaseTable = recordTable(store, 'root-coord/database/db-info/', DatabaseRecord);
  }
  static async open(store: MetaStore): Promise<DefinitionCatalog> {
    const catalog = new DefinitionCatalog(store);
    for (const record of await catalog.#collectionTable.list()) catalog.#remember(record);
    for (const record of await catalog.#databaseTable.list()) catalog.#databases.set(record.name, record);
    return catalog;
  }
  #remember(record: CollectionRecord): void {
    this.#collections.set(record.id, record);
    const key = nameKey(record.database, record.schema?.name ?? '');
    // A dropped collection that is still being cleared does not take its name from a newer one.
    if (record.state !== 'dropping' || !this.#byName.has(key)) this.#byName.set(key, record.id);
  }

  collections(): readonly CollectionRecord[] {
    return [...this.#collections.values()];
  }
  byId(id: bigint): CollectionRecord | undefined {
    return this.#collections.get(id);
  }
  byName(database: string, name: string): CollectionRecord | undefined {
    const id = this.#byName.get(nameKey(database, name));
    return id === undefined ? undefined : this.#collections.get(id);
  }
  /** The collection a client names, by id when given, else by name; only whole ones. @throws collection_not_found, database_not_found */
  resolve(ref: { readonly database: string; readonly name: string; readonly id: bigint }): CollectionRecord {
    const database = ref.database === '' ? DEFAULT_DATABASE : ref.database;
    if (ref.id === 0n) this.database(database);
    const record = ref.id !== 0n ? this.byId(ref.id) : this.byName(database, ref.name);
    if (record === undefined || record.state !== 'created') {
      const what = ref.id !== 0n ? String(ref.id) : ref.name;
      throw new ElanusError(
        'collection_not_found',
        `can't find collection[database=${database}][collection=${what}]: collection not found[database=${database}][collection=${what}]`,
      );
    }
    return record;
  }
  async saveCollection(record: CollectionRecord): Promise<void> {
    await this.#store.transact([], [this.#collectionTable.put(idKey(record.id), record)]);
    this.#remember(record);
  }
  async removeCollection(record: CollectionRecord): Promise<void> {
    await this.#store.transact([], [this.#collectionTable.remove(idKey(record.id))]);
    this.#collections.delete(record.id);
    const key = nameKey(record.database, record.schema?.name ?? '');
    if (this.#byName.get(key) === record.id) this.#byName.delete(key);
  }

  databases(): readonly DatabaseRecord[] {
    return [...this.#databases.values()];
  }
  /** @throws database_not_found */
  database(name: string): DatabaseRecord {
    const record = this.#databases.get(name === '' ? DEFAULT_DATABASE : name);
    if (record === undefined) throw new ElanusError('database_not_found', `database not found[database=${name}]`);
    return record;
  }
  hasDatabase(name: string): boolean {
    return this.#databases.has(name);
  }
  async saveDatabase(record: DatabaseRecord): Promise<void> {
    await this.#store.transact([], [this.#databaseTable.put(idKey(record.id), record)]);
    this.#databases.set(record.name, record);
  }
  async removeDatabase(record: DatabaseRecord): Promise<void> {
    await this.#store.transact([], [this.#databaseTable.remove(idKey(record.id))]);
    this.#databases.delete(record.name);
  }
}
const nameKey = (database: string, name: string): string => `${database}\0${name}`;
