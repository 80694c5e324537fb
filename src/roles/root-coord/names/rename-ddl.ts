// Gives a collection another name, in its database or in another one. Everything a collection has is found by its id, and its name is in one
// record alone: the rename is that one record, so a crash leaves the old name or the new one, with the data, indexes, aliases and load.
import { ElanusError } from '#base/errors.js';
import { checkName } from '#model/schema/names.js';
import type { CreatedCollection } from '#model/states/collection.js';
import type { RenameDefinition } from '#proto/elanus/roles.js';
import { type DdlLocks, type DdlParts, nameOf, present } from '#roles/root-coord/ddl-parts.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import { checkCollectionCount } from './collection-count.js';

interface FullName {
  readonly database: string;
  readonly name: string;
}

export class RenameDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  /** @throws invalid_parameter, refused, collection_not_found, database_not_found, collection_limit */
  rename(request: RenameDefinition, receipt: Receipt): Promise<void> {
    const { catalog } = this.#parts;
    const ref = present(request.collection);
    const from = { database: catalog.database(ref.database).name, name: ref.name };
    const to = {
      database: request.newDatabase === '' ? from.database : catalog.database(request.newDatabase).name,
      name: request.newName,
    };
    if (to.name === '')
      throw new ElanusError(
        'invalid_parameter',
        'new collection name should not be empty: invalid parameter',
      );
    checkName('collection', to.name);
    if (from.database === to.database && from.name === to.name) {
      throw new ElanusError(
        'invalid_parameter',
        'collection name or database name should be different: invalid parameter',
      );
    }
    // With the lock of the new database: it must not be dropped meanwhile, and nobody else may take the name.
    return this.#locks.collections([from, to], () =>
      this.#locks.database(to.database, async () => {
        const record = this.#renamable(from, to);
        const updateTimestamp = await this.#parts.allocateTimestamp();
        const { schema } = record;
        await catalog.carryOut(receipt, {
          ...record,
          ...{ database: to.database, updateTimestamp },
          schema: schema && { ...schema, name: to.name, dbName: to.database },
        });
      }),
    );
  }

  #renamable(from: FullName, to: FullName): CreatedCollection {
    const { catalog } = this.#parts;
    if (catalog.byAlias(from.database, from.name) !== undefined)
      throw new ElanusError(
        'refused',
        `unsupported use an alias to rename collection, alias:${from.name}; name the collection itself`,
      );
    const record = catalog.resolve({ ...from, id: 0n });
    if (catalog.byAlias(to.database, to.name) !== undefined)
      throw new ElanusError('refused', `cannot rename collection to an existing alias: ${to.name}`);
    // One that is half made has its name until it is cleared; one that is being dropped has given it up.
    const taken = catalog.byName(to.database, to.name);
    if (taken !== undefined && taken.state !== 'dropping') {
      throw new ElanusError(
        'refused',
        `duplicated new collection name ${to.database}:${to.name} with other collection name or alias`,
      );
    }
    if (from.database !== to.database) {
      refuseAliasesAway(record);
      checkCollectionCount(catalog, to.database);
    }
    return record;
  }
}

/** As in Milvus: aliases are of one database, and what reads through them there would lose its collection. */
function refuseAliasesAway(record: CreatedCollection): void {
  if (record.aliases.length === 0) return;
  throw new ElanusError(
    'refused',
    `fail to rename collection to different database, must drop all aliases of collection ${nameOf(record)} before rename`,
  );
}
