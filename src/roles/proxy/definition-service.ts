// Databases, collections, partitions, loading and indexes as clients see them: requests checked, handed to root-coord and query-coord,
// and described back in the public messages.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { parseIndexParams } from '#model/params/index-params.js';
import {
  checkCollectionProperties,
  checkDatabaseProperties,
  DEFAULT_RESOURCE_GROUP,
} from '#model/schema/properties.js';
import { fieldByName, publicSchema, vectorFields } from '#model/schema/schema-view.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { IndexState, LoadState } from '#proto/milvus/common.js';
import { type MilvusServiceDefinition, ShowType } from '#proto/milvus/milvus.js';
import { checkLoadWishes, type LoadWishes } from '#roles/proxy/loading/load-request.js';
import type { Client, Handlers } from '#rpc/service.js';
import {
  type CollectionAccess,
  databaseOf,
  loadFailure,
  type OpenCollection,
  refusePartitionNames,
} from './collection-access.js';

export interface DefinitionServiceParts {
  readonly access: CollectionAccess;
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
}

type Described = { readonly dbName: string; readonly collectionName: string };
const pairs = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

/** Ours, in the params that DescribeIndex answers: what AUTOINDEX, an alias or a default became. */
const BUILT_AS = 'elanus.built_as';

export function definitionHandlers(parts: DefinitionServiceParts) {
  const { access, definitions, queryCoord, channelRegistry, streamingNode } = parts;
  const refOf = (request: Described, context: CallContext) => ({
    database: databaseOf(request, context),
    name: request.collectionName,
  });

  async function rowCount(
    collection: OpenCollection,
    partitionId: bigint | undefined,
    context: CallContext,
  ): Promise<bigint> {
    const isWanted = (id: bigint): boolean => partitionId === undefined || id === partitionId;
    // Growing first: a segment flushed between the two answers is in both, and counted once. The other way round it would be in neither.
    const growing: { readonly segmentId: bigint; readonly partitionId: bigint; readonly rowCount: bigint }[] =
      [];
    for (const vchannel of collection.record.vchannels)
      growing.push(...(await streamingNode.channelRows({ vchannel }, context)).segments);
    const { segments } = await channelRegistry.listSegments({ collectionId: collection.record.id }, context);
    const flushed = new Set(segments.map((segment) => segment.id));
    const counted = [
      ...segments.filter((segment) => !segment.isLevelZero && isWanted(segment.partitionId)),
      ...growing.filter((segment) => isWanted(segment.partitionId) && !flushed.has(segment.segmentId)),
    ];
    const rows = counted.reduce((sum, segment) => sum + segment.rowCount, 0n);
    return rows;
  }
  async function load(
    request: Described & LoadWishes,
    partitionNames: readonly string[],
    context: CallContext,
  ) {
    const collection = await access.open(request, context);
    refusePartitionNames(collection, partitionNames, 'load');
    checkLoadWishes(collection.schema, request);
    if (
      request.refresh &&
      !(await queryCoord.loadState({ collectionId: collection.record.id }, context)).known
    ) {
      throw new ElanusError(
        'collection_not_loaded',
        `collection not loaded[database=${collection.database}][collection=${request.collectionName}]; load it without refresh first`,
      );
    }
    const missing = vectorFields(collection.schema).filter(
      (field) => !collection.record.indexes.some((index) => index.fieldId === field.fieldID),
    );
    if (missing.length > 0) {
      throw new ElanusError(
        'index_not_found',
        `there is no vector index on field: [${missing.map((field) => field.name).join(', ')}], please create index firstly: index not found[collection=${request.collectionName}]`,
      );
    }
    await queryCoord.loadCollection(
      {
        collectionId: collection.record.id,
        partitionIds: access.partitionIds(collection, partitionNames),
        replicaNumber: request.replicaNumber,
      },
      context,
    );
    return {};
  }
  async function release(request: Described, partitionNames: readonly string[], context: CallContext) {
    const collection = await access.open(request, context);
    refusePartitionNames(collection, partitionNames, 'release');
    await queryCoord.releaseCollection(
      { collectionId: collection.record.id, partitionIds: access.partitionIds(collection, partitionNames) },
      context,
    );
    return {};
  }
  async function indexStates(request: Described, context: CallContext) {
    const collection = await access.open(request, context);
    const { indexes } = await definitions.indexStates(
      { id: collection.record.id, database: collection.database, name: collection.schema.name },
      context,
    );
    return { collection, indexes };
  }
  async function oneIndex(
    request: Described & { readonly fieldName: string; readonly indexName: string },
    context: CallContext,
  ) {
    const { collection, indexes } = await indexStates(request, context);
    const fieldId =
      request.fieldName === '' ? undefined : fieldByName(collection.schema, request.fieldName)?.fieldID;
    const found = indexes.filter(
      ({ index }) =>
        (request.indexName === '' ||
          index?.name === request.indexName ||
          fieldNameOf(collection, index?.fieldId) === request.indexName) &&
        (request.fieldName === '' || index?.fieldId === fieldId),
    );
    if (found.length === 0) {
      throw new ElanusError(
        'index_not_found',
        `index not found[indexName=${request.indexName}][collection=${request.collectionName}]; create it first`,
      );
    }
    return { collection, found };
  }
  const fieldNameOf = (collection: OpenCollection, fieldId: bigint | undefined): string =>
    collection.schema.fields.find((field) => field.fieldID === fieldId)?.name ?? '';

  const describe = (collection: OpenCollection) => {
    const { record } = collection;
    return {
      schema: publicSchema(collection.schema),
      collectionID: record.id,
      virtualChannelNames: record.vchannels,
      physicalChannelNames: record.vchannels.map((vchannel) => vchannel.slice(0, vchannel.lastIndexOf('_'))),
      createdTimestamp: record.createdTimestamp,
      createdUtcTimestamp: record.createdTimestamp >> 18n,
      shardsNum: record.vchannels.length,
      aliases: record.aliases,
      consistencyLevel: record.consistencyLevel as 0 | 1 | 2 | 3 | 4,
      collectionName: collection.schema.name,
      properties: pairs(record.properties),
      dbName: record.database,
      numPartitions: BigInt(record.partitions.length),
      dbId: collection.databaseId,
      updateTimestamp: record.updateTimestamp,
      updateTimestampStr: String(record.updateTimestamp),
    };
  };
  const loadPercentage = async (record: CollectionRecord, context: CallContext): Promise<bigint> => {
    const state = await queryCoord.loadState({ collectionId: record.id }, context);
    return state.known ? BigInt(state.progress) : 0n;
  };

  return {
    createCollection: async (request, context) => {
      checkCollectionProperties(request.properties);
      await definitions.createCollection({ ...request, dbName: databaseOf(request, context) }, context);
      return {};
    },
    dropCollection: async (request, context) => {
      await definitions.dropCollection(refOf(request, context), context);
      return {};
    },
    describeCollection: async (request, context) => describe(await access.open(request, context)),
    hasCollection: async (request, context) => {
      try {
        await access.open(request, context);
        return { value: true };
      } catch (error) {
        if (error instanceof ElanusError && error.key === 'collection_not_found') return { value: false };
        throw error;
      }
    },
    showCollections: async (request, context) => {
      const { collections } = await definitions.listCollections(
        { database: databaseOf(request, context) },
        context,
      );
      const shown: {
        readonly record: CollectionRecord;
        readonly percentage: bigint;
        readonly isLoaded: boolean;
      }[] = [];
      for (const record of collections) {
        const state = await queryCoord.loadState({ collectionId: record.id }, context);
        if (request.type === ShowType.InMemory && !state.known) continue;
        if (
          request.collectionNames.length > 0 &&
          !request.collectionNames.includes(record.schema?.name ?? '')
        )
          continue;
        shown.push({ record, percentage: state.known ? BigInt(state.progress) : 0n, isLoaded: state.known });
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
    },
    getCollectionStatistics: async (request, context) => {
      const collection = await access.open(request, context);
      return { stats: [{ key: 'row_count', value: String(await rowCount(collection, undefined, context)) }] };
    },
    getPartitionStatistics: async (request, context) => {
      const collection = await access.open(request, context);
      return {
        stats: [
          {
            key: 'row_count',
            value: String(
              await rowCount(collection, access.partition(collection, request.partitionName), context),
            ),
          },
        ],
      };
    },

    createPartition: async (request, context) => {
      refusePartitionNames(await access.open(request, context), [request.partitionName], 'create');
      await definitions.createPartition(
        { collection: refOf(request, context), partition: request.partitionName },
        context,
      );
      return {};
    },
    dropPartition: async (request, context) => {
      refusePartitionNames(await access.open(request, context), [request.partitionName], 'drop');
      await definitions.dropPartition(
        { collection: refOf(request, context), partition: request.partitionName },
        context,
      );
      return {};
    },
    hasPartition: async (request, context) => {
      const collection = await access.open(request, context);
      return {
        value: collection.record.partitions.some((partition) => partition.name === request.partitionName),
      };
    },
    showPartitions: async (request, context) => {
      const collection = await access.open(request, context);
      const state = await queryCoord.loadState({ collectionId: collection.record.id }, context);
      const isLoaded = (id: bigint): boolean =>
        state.known && (state.partitionIds.length === 0 || state.partitionIds.includes(id));
      const named = access.partitionIds(collection, request.partitionNames);
      const shown = collection.record.partitions.filter(
        ({ id }) =>
          (named.length === 0 || named.includes(id)) && (request.type !== ShowType.InMemory || isLoaded(id)),
      );
      return {
        partitionNames: shown.map((partition) => partition.name),
        partitionIDs: shown.map((partition) => partition.id),
        createdTimestamps: shown.map((partition) => partition.createdTimestamp),
        createdUtcTimestamps: shown.map((partition) => partition.createdTimestamp >> 18n),
        inMemoryPercentages: shown.map((partition) => (isLoaded(partition.id) ? BigInt(state.progress) : 0n)),
      };
    },

    loadCollection: (request, context) => load(request, [], context),
    loadPartitions: (request, context) => load(request, request.partitionNames, context),
    releaseCollection: (request, context) => release(request, [], context),
    releasePartitions: (request, context) => release(request, request.partitionNames, context),
    getLoadingProgress: async (request, context) => {
      const collection = await access.open(request, context);
      const state = await queryCoord.loadState(
        {
          collectionId: collection.record.id,
          partitionIds: access.partitionIds(collection, request.partitionNames),
        },
        context,
      );
      if (!state.known)
        throw new ElanusError(
          'collection_not_loaded',
          `collection not loaded[database=${collection.database}][collection=${request.collectionName}]; load it first`,
        );
      // A waiting client would wait for ever: it is told what is missing.
      const failure = loadFailure(request.collectionName, state);
      if (failure !== undefined) throw failure;
      return { progress: BigInt(state.progress), refreshProgress: BigInt(state.progress) };
    },
    getLoadState: async (request, context) => {
      try {
        const collection = await access.open(request, context);
        const state = await queryCoord.loadState(
          {
            collectionId: collection.record.id,
            partitionIds: access.partitionIds(collection, request.partitionNames),
          },
          context,
        );
        return {
          state: !state.known
            ? LoadState.LoadStateNotLoad
            : state.progress >= 100
              ? LoadState.LoadStateLoaded
              : LoadState.LoadStateLoading,
        };
      } catch (error) {
        if (error instanceof ElanusError && error.key === 'collection_not_found')
          return { state: LoadState.LoadStateNotExist };
        throw error;
      }
    },

    createIndex: async (request, context) => {
      const collection = await access.open(request, context);
      const field = fieldByName(collection.schema, request.fieldName);
      if (field === undefined) {
        throw new ElanusError(
          'refused',
          `cannot create index on non-exist field: ${request.fieldName}; collection ${request.collectionName} has the fields ${collection.schema.fields.map(({ name }) => name).join(', ')}`,
        );
      }
      const index = parseIndexParams(field, request.extraParams);
      await definitions.createIndex(
        {
          collection: { database: collection.database, name: collection.schema.name },
          fieldName: request.fieldName,
          indexName: request.indexName,
          indexType: index.indexType,
          metricType: index.metricType,
          params: index.asSent,
        },
        context,
      );
      return {};
    },
    dropIndex: async (request, context) => {
      await definitions.dropIndex(
        {
          collection: refOf(request, context),
          indexName: request.indexName === '' ? request.fieldName : request.indexName,
        },
        context,
      );
      return {};
    },
    describeIndex: async (request, context) => {
      const { collection, found } = await oneIndex(request, context);
      return {
        indexDescriptions: found.map((state) => {
          const index = must(state.index, 'index');
          return {
            indexName: index.name,
            indexID: index.id,
            params: pairs({
              ...index.params,
              index_type: index.indexType,
              metric_type: index.metricType,
              ...(state.builtAs !== '' && { [BUILT_AS]: state.builtAs }),
            }),
            fieldName: fieldNameOf(collection, index.fieldId),
            indexedRows: state.indexedRows,
            totalRows: state.totalRows,
            pendingIndexRows: state.pendingRows,
            state: state.state as IndexState,
            indexStateFailReason: state.failReason,
          };
        }),
      };
    },
    getIndexState: async (request, context) => {
      const { found } = await oneIndex(request, context);
      return {
        state:
          [IndexState.Failed, IndexState.InProgress].find((state) =>
            found.some((one) => one.state === state),
          ) ?? IndexState.Finished,
        failReason: found.find(({ failReason }) => failReason !== '')?.failReason ?? '',
      };
    },
    getIndexBuildProgress: async (request, context) => {
      const { found } = await oneIndex(request, context);
      return { indexedRows: found[0]?.indexedRows ?? 0n, totalRows: found[0]?.totalRows ?? 0n };
    },
    getIndexStatistics: async (request, context) => {
      const { collection, found } = await oneIndex({ ...request, fieldName: '' }, context);
      return {
        indexDescriptions: found.map((state) => ({
          indexName: state.index?.name ?? '',
          indexID: state.index?.id ?? 0n,
          params: pairs(state.index?.params ?? {}),
          fieldName: fieldNameOf(collection, state.index?.fieldId),
          indexedRows: state.indexedRows,
          totalRows: state.totalRows,
          pendingIndexRows: state.pendingRows,
          state: state.state as IndexState,
          indexStateFailReason: state.failReason,
        })),
      };
    },

    createDatabase: async (request, context) => {
      checkDatabaseProperties(request.properties);
      await definitions.createDatabase(
        {
          name: request.dbName,
          properties: Object.fromEntries(request.properties.map(({ key, value }) => [key, value])),
        },
        context,
      );
      return {};
    },
    dropDatabase: async (request, context) => {
      await definitions.dropDatabase({ name: request.dbName }, context);
      return {};
    },
    listDatabases: async (_request, context) => {
      const { databases } = await definitions.listDatabases({}, context);
      return {
        dbNames: databases.map(({ name }) => name),
        createdTimestamp: databases.map(({ createdTimestamp }) => createdTimestamp),
        dbIds: databases.map(({ id }) => id),
      };
    },
    describeDatabase: async (request, context) => {
      const { databases } = await definitions.listDatabases({}, context);
      const name = request.dbName === '' ? 'default' : request.dbName;
      const database = databases.find((candidate) => candidate.name === name);
      if (database === undefined)
        throw new ElanusError('database_not_found', `database not found[database=${name}]`);
      return {
        dbName: database.name,
        dbID: database.id,
        createdTimestamp: database.createdTimestamp,
        properties: pairs(database.properties),
      };
    },
    batchDescribeCollection: async (request, context) => {
      if (request.collectionName.length === 0 && request.collectionID.length === 0)
        throw new ElanusError('invalid_parameter', 'collection names should not be empty: invalid parameter');
      const responses = [];
      for (const collectionName of request.collectionName)
        responses.push(describe(await access.open({ dbName: request.dbName, collectionName }, context)));
      for (const collectionID of request.collectionID)
        responses.push(
          describe(await access.open({ dbName: request.dbName, collectionName: '', collectionID }, context)),
        );
      return { responses };
    },
    getReplicas: async (request, context) => {
      const collection = await access.open(request, context);
      if ((await loadPercentage(collection.record, context)) === 0n) return { replicas: [] };
      return {
        replicas: [
          {
            replicaID: collection.record.id,
            collectionID: collection.record.id,
            partitionIds: collection.record.partitions.map(({ id }) => id),
            nodeIds: [1n],
            resourceGroupName: DEFAULT_RESOURCE_GROUP,
            shardReplicas: request.withShardNodes
              ? collection.record.vchannels.map((vchannel) => ({
                  leaderID: 1n,
                  leaderAddr: '',
                  dmChannelName: vchannel,
                  nodeIds: [1n],
                }))
              : [],
          },
        ],
      };
    },
  } satisfies Partial<Handlers<typeof MilvusServiceDefinition>>;
}
