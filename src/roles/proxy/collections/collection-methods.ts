// Collections as clients see them: checked here, kept by root-coord, described back in the public messages.
import { ElanusError } from '#base/errors.js';
import { withFunctions } from '#model/functions/schema-functions.js';
import { checkAlteration, enablesDynamicField } from '#model/schema/altered-properties.js';
import { checkCollectionProperties } from '#model/schema/properties.js';
import { decodeSchema, parseCollectionSchema } from '#model/schema/schema-check.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import { ErrorCode } from '#proto/milvus/common.js';
import { type CreateCollectionRequest, ShowType } from '#proto/milvus/milvus.js';
import { FunctionType } from '#proto/milvus/schema.js';
import { collectionRef, databaseOf } from '#roles/proxy/collection-access.js';
import { recordOfPairs } from '#roles/proxy/key-value-pairs.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { visibleTo } from '#roles/proxy/users/visible.js';
import { statusOf } from '#rpc/wire-status.js';
import { checkEmbeddings } from './check-embeddings.js';
import { collectionDescription } from './collection-description.js';
import { collectionStatistics, rowCount } from './row-count.js';

type CollectionParts = Pick<
  ProxyParts,
  'access' | 'logins' | 'providers' | 'definitions' | 'queryCoord' | 'channelRegistry' | 'streamingNode'
>;

interface ShownCollection {
  readonly record: CollectionRecord;
  readonly percentage: bigint;
}

export class CollectionMethods {
  readonly #parts: CollectionParts;

  constructor(parts: CollectionParts) {
    this.#parts = parts;
  }

  readonly createCollection: PublicHandler<'createCollection'> = async (request, context) => {
    checkCollectionProperties(request.properties);
    const dbName = databaseOf(request, context);
    if (request.schema.length > 0) await this.#tryFunctions(request, context);
    await this.#parts.definitions.createCollection({ ...request, dbName }, context);
    return {};
  };

  /** Root-coord reads the schema for itself; here it is read for what its functions ask. */
  async #tryFunctions(request: CreateCollectionRequest, context: CallContext): Promise<void> {
    const sent = decodeSchema(request.schema);
    if (!sent.functions.some(({ type }) => type === FunctionType.TextEmbedding)) return;
    const zone = request.properties.find(({ key }) => key === 'timezone')?.value ?? 'UTC';
    const schema = withFunctions(parseCollectionSchema(sent, { ...request, zone }));
    await checkEmbeddings(this.#parts, schema, undefined, context);
  }

  readonly dropCollection: PublicHandler<'dropCollection'> = async (request, context) => {
    await this.#parts.definitions.dropCollection(collectionRef(request, context), context);
    return {};
  };

  readonly alterCollection: PublicHandler<'alterCollection'> = async (request, context) => {
    const { properties, deleteKeys } = request;
    checkAlteration('collection', properties, deleteKeys);
    const { record, schema, database } = await this.#parts.access.open(request, context);
    const collection = { database, name: schema.name, id: record.id };
    if (enablesDynamicField(properties)) {
      if (schema.enableDynamicField) return {};
      const change = { $case: 'enableDynamicField', value: {} } as const;
      await this.#parts.definitions.changeSchema({ collection, change }, context);
      return {};
    }
    checkCollectionProperties(properties, schema);
    await this.#parts.definitions.alterCollection(
      {
        collection,
        properties: recordOfPairs(properties),
        deletedKeys: [...deleteKeys],
      },
      context,
    );
    return {};
  };

  readonly truncateCollection: PublicHandler<'truncateCollection'> = async (request, context) => {
    const { record } = await this.#parts.access.open(request, context);
    await this.#parts.definitions.truncateCollection(
      { ...collectionRef(request, context), id: record.id },
      context,
    );
    return {};
  };

  readonly renameCollection: PublicHandler<'renameCollection'> = async (request, context) => {
    if (request.oldName === '') {
      throw new ElanusError(
        'invalid_parameter',
        'old collection name should not be empty: invalid parameter',
      );
    }
    const collection = collectionRef({ dbName: request.dbName, collectionName: request.oldName }, context);
    await this.#parts.definitions.renameCollection(
      { collection, newName: request.newName, newDatabase: request.newDBName },
      context,
    );
    return {};
  };

  readonly describeCollection: PublicHandler<'describeCollection'> = async (request, context) => {
    try {
      return collectionDescription(await this.#parts.access.open(request, context));
    } catch (error) {
      if (!(error instanceof ElanusError) || error.key !== 'collection_not_found') throw error;
      // Milvus answers another legacy code here than elsewhere: pymilvus before 2.3 asks this call whether there is a collection, and knows no other.
      return { status: { ...statusOf(error), errorCode: ErrorCode.UnexpectedError } };
    }
  };

  readonly batchDescribeCollection: PublicHandler<'batchDescribeCollection'> = async (request, context) => {
    const { dbName } = request;
    if (request.collectionName.length === 0 && request.collectionID.length === 0)
      throw new ElanusError('invalid_parameter', 'collection names should not be empty: invalid parameter');
    const named = [
      ...request.collectionName.map((collectionName) => ({ dbName, collectionName })),
      ...request.collectionID.map((collectionID) => ({ dbName, collectionName: '', collectionID })),
    ];
    const responses = [];
    for (const one of named)
      responses.push(collectionDescription(await this.#parts.access.open(one, context)));
    return { responses };
  };

  readonly hasCollection: PublicHandler<'hasCollection'> = async (request, context) => {
    try {
      await this.#parts.access.open(request, context);
      return { value: true };
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'collection_not_found') return { value: false };
      throw error;
    }
  };

  readonly showCollections: PublicHandler<'showCollections'> = async (request, context) => {
    const { definitions, queryCoord } = this.#parts;
    const database = databaseOf(request, context);
    const { collections } = await definitions.listCollections({ database }, context);
    const visible = await visibleTo(this.#parts.logins, context);
    const wanted = (name: string): boolean => request.collectionNames.includes(name);
    const named = collections.filter((record) => {
      const name = record.schema?.name ?? '';
      if (!visible.collection(record.database, name)) return false;
      return request.collectionNames.length === 0 || [name, ...record.aliases].some(wanted);
    });
    const { percent } = await queryCoord.loadProgress({ collectionIds: named.map(({ id }) => id) }, context);
    const shown: ShownCollection[] = [];
    for (const [at, record] of named.entries()) {
      const progress = percent[at] ?? -1;
      if (request.type === ShowType.InMemory && progress < 0) continue;
      shown.push({ record, percentage: BigInt(Math.max(0, progress)) });
    }
    return {
      collectionNames: shown.map(({ record }) => record.schema?.name ?? ''),
      collectionIds: shown.map(({ record }) => record.id),
      createdTimestamps: shown.map(({ record }) => record.createdTimestamp),
      createdUtcTimestamps: shown.map(({ record }) => record.createdTimestamp >> 18n),
      inMemoryPercentages: shown.map(({ percentage }) => percentage),
      queryServiceAvailable: shown.map(({ percentage }) => percentage >= 100n),
      shardsNum: shown.map(({ record }) => record.vchannels.length),
    };
  };

  readonly getCollectionStatistics: PublicHandler<'getCollectionStatistics'> = async (request, context) => {
    const collection = await this.#parts.access.open(request, context);
    return collectionStatistics(await rowCount(this.#parts, collection, undefined, context), collection);
  };
}
