// Creates and drops databases.
import { ElanusError } from '#base/errors.js';
import { checkName } from '#model/schema/names.js';
import type { DatabaseRecord } from '#proto/elanus/data.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import type { DdlLocks, DdlParts } from './ddl-parts.js';
import { DEFAULT_DATABASE } from './definition-catalog.js';

const DATABASES_MAX = 64;

export class DatabaseDdl {
  readonly #parts: DdlParts;
  readonly #locks: DdlLocks;

  constructor(parts: DdlParts, locks: DdlLocks) {
    this.#parts = parts;
    this.#locks = locks;
  }

  create({ name, properties }: Pick<DatabaseRecord, 'name' | 'properties'>, receipt: Receipt): Promise<void> {
    checkName('database', name);
    return this.#locks.database(name, async () => {
      const { catalog } = this.#parts;
      if (catalog.hasDatabase(name)) throw new ElanusError('refused', `database already exist: ${name}`);
      if (catalog.databases().length >= DATABASES_MAX)
        throw new ElanusError(
          'database_limit',
          `database number (${DATABASES_MAX}) exceeds max configuration (${DATABASES_MAX})`,
        );
      const id = await this.#parts.allocateId();
      const createdTimestamp = await this.#parts.allocateTimestamp();
      await catalog.saveDatabase({ id, name, createdTimestamp, properties: { ...properties } }, receipt);
    });
  }

  drop(name: string, receipt: Receipt): Promise<void> {
    // No name must not come to mean the default database, as it does in reads.
    checkName('database', name);
    return this.#locks.database(name, async () => {
      const { catalog } = this.#parts;
      if (name === DEFAULT_DATABASE) throw new ElanusError('refused', 'can not drop default database');
      const record = catalog.database(name);
      const inside = catalog
        .collections()
        .filter((collection) => collection.database === name && collection.state !== 'dropping');
      if (inside.length > 0)
        throw new ElanusError(
          'refused',
          `database:${name} not empty, must drop all collections before drop database`,
        );
      await catalog.removeDatabase(record, receipt);
    });
  }
}
