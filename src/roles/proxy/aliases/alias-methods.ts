// Aliases as clients see them. Root-coord keeps them and resolves them wherever a collection is named.
import { ElanusError } from '#base/errors.js';
import { checkName } from '#model/schema/names.js';
import type { CallContext } from '#platform/transport.js';
import { collectionRef, databaseOf } from '#roles/proxy/collection-access.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

export class AliasMethods {
  readonly #parts: Pick<ProxyParts, 'access' | 'definitions'>;

  constructor(parts: Pick<ProxyParts, 'access' | 'definitions'>) {
    this.#parts = parts;
  }

  readonly createAlias: PublicHandler<'createAlias'> = async (request, context) => {
    const { alias } = request;
    await this.#parts.definitions.createAlias(
      { collection: collectionRef(request, context), alias },
      context,
    );
    return {};
  };

  readonly alterAlias: PublicHandler<'alterAlias'> = async (request, context) => {
    const { alias } = request;
    await this.#parts.definitions.alterAlias({ collection: collectionRef(request, context), alias }, context);
    return {};
  };

  readonly dropAlias: PublicHandler<'dropAlias'> = async (request, context) => {
    const database = databaseOf(request, context);
    await this.#parts.definitions.dropAlias({ collection: { database }, alias: request.alias }, context);
    return {};
  };

  readonly describeAlias: PublicHandler<'describeAlias'> = async (request, context) => {
    const { alias } = request;
    checkName('alias', alias);
    const database = databaseOf(request, context);
    return { dbName: database, alias, collection: await this.#collectionOf(database, alias, context) };
  };

  readonly listAliases: PublicHandler<'listAliases'> = async (request, context) => {
    const database = databaseOf(request, context);
    if (request.collectionName !== '') {
      const { record, schema } = await this.#parts.access.open(request, context);
      return { dbName: database, collectionName: schema.name, aliases: record.aliases };
    }
    const { collections } = await this.#parts.definitions.listCollections({ database }, context);
    return { dbName: database, collectionName: '', aliases: collections.flatMap(({ aliases }) => aliases) };
  };

  async #collectionOf(database: string, alias: string, context: CallContext): Promise<string> {
    const { record, schema } = await this.#parts.access
      .open({ dbName: database, collectionName: alias }, context)
      .catch((error: unknown) => {
        if (error instanceof ElanusError && error.key === 'collection_not_found')
          throw aliasNotFound(database, alias);
        throw error;
      });
    // Its own name is no alias of a collection.
    if (!record.aliases.includes(alias)) throw aliasNotFound(database, alias);
    return schema.name;
  }
}

const aliasNotFound = (database: string, alias: string): ElanusError =>
  new ElanusError('alias_not_found', `alias not found[database=${database}][alias=${alias}]`);
