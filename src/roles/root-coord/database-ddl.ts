// Creates and drops databases.
import { ElanusError } from '#base/errors.js';
import { checkName } from '#model/schema/names.js';
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

  create(name: string, properties: Readonly<Record<string, string>>): Promise<void> {
    checkName('database', name);
    return this.#locks.database(name, async () => {
      const { catalog } = this.#parts;
      if (catalog.hasDatabase(name)) throw new ElanusError('refused', `database already exist: ${name}`);
      if (catalog.databases().length >= DATABASES_MAX)
        throw new ElanusError(
          'database_limit',
          `database number (${DATABASES_MAX}) exceeds max configuration (${DATABASES_MAX})`,
        );
      await catalog.saveDatabase({
        id: await this.#parts.allocateId(),
        name,
        createdTimestamp: await this.#parts.allocateTimestamp(),
        properties: { ...properties },
      });
    });
  }

  drop(name: string): Promise<void> {
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
      await catalog.removeDatabase(record);
    });
  }
}
