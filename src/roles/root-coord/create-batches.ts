// Collections that are created at the same time in one database become known together: one turn of the database's lock, one transaction of
// the catalog, one write to the disk for all that wait. The first comes alone; those that come while it is written are the next batch.
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import type { CreatingCollection } from '#model/states/collection.js';
import { checkCollectionCount } from '#roles/root-coord/names/collection-count.js';
import type { DdlLocks } from './ddl-parts.js';
import type { DefinitionCatalog } from './definition-catalog.js';

/** Records of one transaction, which takes 128 operations. */
const BATCH_MAX = 64;

interface Waiting {
  readonly record: CreatingCollection;
  resolve(): void;
  reject(error: unknown): void;
}

interface CreateBatchesParts {
  readonly catalog: Pick<DefinitionCatalog, 'byAlias' | 'collectionCount' | 'database' | 'saveCollection'>;
  readonly locks: Pick<DdlLocks, 'database'>;
}

export class CreateBatches {
  readonly #parts: CreateBatchesParts;
  /** By database, in the order in which they came. A database is here while some wait. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(parts: CreateBatchesParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the record is durable. The caller holds the lock of the name, so that a name is in a batch once.
   * @throws alias_clash, collection_limit, database_not_found; and, for all of a batch, what the catalog throws: each decides again
   */
  async add(record: CreatingCollection): Promise<void> {
    const { promise, resolve, reject } = deferred<void>();
    const waiting = { record, resolve, reject };
    const others = this.#waiting.get(record.database);
    if (others === undefined) {
      this.#waiting.set(record.database, [waiting]);
      this.#begin(record.database);
    } else others.push(waiting);
    return promise;
  }

  #begin(database: string): void {
    // With the database's lock: one that is being dropped must not get a collection that its check did not see.
    void this.#parts.locks.database(database, () => this.#save(database));
  }

  /** Never throws: whoever waits hears of it. */
  async #save(database: string): Promise<void> {
    const waiting = this.#waiting.get(database) ?? [];
    const batch = waiting.splice(0, BATCH_MAX);
    if (waiting.length > 0) this.#begin(database);
    else this.#waiting.delete(database);
    const allowed: Waiting[] = [];
    for (const one of batch) {
      try {
        this.#check(one.record, allowed.length);
        allowed.push(one);
      } catch (error) {
        one.reject(error);
      }
    }
    if (allowed.length === 0) return;
    try {
      await this.#parts.catalog.saveCollection(...allowed.map(({ record }) => record));
      for (const { resolve } of allowed) resolve();
    } catch (error) {
      for (const { reject } of allowed) reject(error);
    }
  }

  /** In the turn in which the name is taken. @param coming how many of the batch come before it */
  #check({ database, schema }: CreatingCollection, coming: number): void {
    const { catalog } = this.#parts;
    const name = schema?.name ?? '';
    // Names of collections and aliases are one space.
    if (catalog.byAlias(database, name) !== undefined)
      throw new ElanusError(
        'alias_clash',
        `collection name [${name}] conflicts with an existing alias, please choose a unique name`,
      );
    checkCollectionCount(catalog, database, coming);
  }
}
