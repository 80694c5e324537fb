// Databases as clients see them.
import { ElanusError } from '#base/errors.js';
import { checkAlteration } from '#model/schema/altered-properties.js';
import { checkDatabaseProperties } from '#model/schema/properties.js';
import { pairsOf, recordOfPairs } from '#roles/proxy/key-value-pairs.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { visibleTo } from '#roles/proxy/users/visible.js';

export class DatabaseMethods {
  readonly #parts: Pick<ProxyParts, 'definitions' | 'logins'>;

  constructor(parts: Pick<ProxyParts, 'definitions' | 'logins'>) {
    this.#parts = parts;
  }

  readonly createDatabase: PublicHandler<'createDatabase'> = async (request, context) => {
    checkDatabaseProperties(request.properties);
    await this.#parts.definitions.createDatabase(
      { name: request.dbName, properties: recordOfPairs(request.properties) },
      context,
    );
    return {};
  };

  readonly dropDatabase: PublicHandler<'dropDatabase'> = async (request, context) => {
    await this.#parts.definitions.dropDatabase({ name: request.dbName }, context);
    return {};
  };

  readonly alterDatabase: PublicHandler<'alterDatabase'> = async (request, context) => {
    const { properties, deleteKeys } = request;
    checkAlteration('database', properties, deleteKeys);
    checkDatabaseProperties(properties);
    await this.#parts.definitions.alterDatabase(
      {
        collection: { database: request.dbName },
        properties: recordOfPairs(properties),
        deletedKeys: [...deleteKeys],
      },
      context,
    );
    return {};
  };

  readonly listDatabases: PublicHandler<'listDatabases'> = async (_request, context) => {
    const all = (await this.#parts.definitions.listDatabases({}, context)).databases;
    const visible = await visibleTo(this.#parts.logins, context);
    const databases = all.filter(({ name }) => visible.database(name));
    return {
      dbNames: databases.map(({ name }) => name),
      createdTimestamp: databases.map(({ createdTimestamp }) => createdTimestamp),
      dbIds: databases.map(({ id }) => id),
    };
  };

  readonly describeDatabase: PublicHandler<'describeDatabase'> = async (request, context) => {
    const { databases } = await this.#parts.definitions.listDatabases({}, context);
    const name = request.dbName === '' ? 'default' : request.dbName;
    const database = databases.find((candidate) => candidate.name === name);
    if (database === undefined)
      throw new ElanusError('database_not_found', `database not found[database=${name}]`);
    return {
      dbName: database.name,
      dbID: database.id,
      createdTimestamp: database.createdTimestamp,
      properties: pairsOf(database.properties),
    };
  };
}
