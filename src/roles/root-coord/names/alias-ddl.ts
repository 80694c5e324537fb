// Creates, moves and drops aliases: other names of a collection, in its database. An alias is in the record of its collection, so it goes
// when that goes, and no crash can leave one without the other. A move changes two records in one transaction.
import { ElanusError } from '#base/errors.js';
import { checkName } from '#model/schema/names.js';
import { type CreatedCollection, isCreated } from '#model/states/collection.js';
import type { AliasDefinition } from '#proto/elanus/roles.js';
import { type DdlLocks, type DdlParts, nameOf, present } from '#roles/root-coord/ddl-parts.js';
import type { Receipt } from '#rpc/sessions/receipts.js';

interface NamedAlias {
  readonly database: string;
  readonly alias: string;
}

export class AliasDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  /** Again for the same collection succeeds. @throws alias_clash, alias_exists, collection_not_found */
  create(request: AliasDefinition, receipt: Receipt): Promise<void> {
    const { database, name } = this.#target(request);
    const { alias } = request;
    return this.#locked({ database, alias }, name, async () => {
      this.#refuseCollectionName({ database, alias });
      const target = this.#collection(database, name);
      const owner = this.#parts.catalog.byAlias(database, alias);
      if (owner?.id === target.id) return;
      if (owner !== undefined) {
        throw new ElanusError(
          'alias_exists',
          `${alias} is alias to another collection: ${nameOf(owner)}: alias already exist[database=${database}][alias=${alias}]`,
        );
      }
      await this.#parts.catalog.carryOut(receipt, withAlias(target, alias));
    });
  }

  /** Moves an alias to another collection, for every reader at once. @throws alias_clash, alias_not_found, collection_not_found */
  alter(request: AliasDefinition, receipt: Receipt): Promise<void> {
    const { database, name } = this.#target(request);
    const { alias } = request;
    return this.#locked({ database, alias }, name, async () => {
      this.#refuseCollectionName({ database, alias });
      const target = this.#collection(database, name);
      const owner = this.#parts.catalog.byAlias(database, alias);
      if (owner === undefined) throw aliasNotFound({ database, alias });
      if (owner.id === target.id) return;
      await this.#parts.catalog.carryOut(receipt, withoutAlias(owner, alias), withAlias(target, alias));
    });
  }

  /** One that is not there is dropped already. */
  drop(request: AliasDefinition, receipt: Receipt): Promise<void> {
    const { database } = this.#target(request);
    const { alias } = request;
    return this.#locked({ database, alias }, undefined, async () => {
      const owner = this.#parts.catalog.byAlias(database, alias);
      if (owner !== undefined) await this.#parts.catalog.carryOut(receipt, withoutAlias(owner, alias));
    });
  }

  /** @throws invalid_parameter, database_not_found */
  #target(request: AliasDefinition): { readonly database: string; readonly name: string } {
    const { database, name } = present(request.collection);
    checkName('alias', request.alias);
    return { database: this.#parts.catalog.database(database).name, name };
  }

  /** With the locks of all collections that the change reads, and inside them that of the names of the database. */
  #locked(
    { database, alias }: NamedAlias,
    target: string | undefined,
    decide: () => Promise<void>,
  ): Promise<void> {
    const named = [alias, ...(target === undefined ? [] : [target])].map((name) => ({ database, name }));
    return this.#locks.collections(named, () => this.#locks.database(database, decide));
  }

  #refuseCollectionName({ database, alias }: NamedAlias): void {
    const taken = this.#parts.catalog.byName(database, alias);
    if (taken === undefined || taken.state === 'dropping') return;
    throw new ElanusError(
      'alias_clash',
      `alias and collection name conflict[database=${database}][alias=${alias}]`,
    );
  }

  /** By its own name: an alias of an alias would follow when that moves. */
  #collection(database: string, name: string): CreatedCollection {
    const record = this.#parts.catalog.byName(database, name);
    if (record === undefined || !isCreated(record)) {
      throw new ElanusError(
        'collection_not_found',
        `collection not found[database=${database}][collection=${name}]`,
      );
    }
    return record;
  }
}

const aliasNotFound = ({ database, alias }: NamedAlias): ElanusError =>
  new ElanusError('alias_not_found', `alias not found[database=${database}][alias=${alias}]`);

const withAlias = (record: CreatedCollection, alias: string): CreatedCollection => ({
  ...record,
  aliases: [...record.aliases, alias],
});
const withoutAlias = (record: CreatedCollection, alias: string): CreatedCollection => ({
  ...record,
  aliases: record.aliases.filter((name) => name !== alias),
});
