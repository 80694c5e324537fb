// Load and release, how far a load has come, and who serves what is loaded.
import { ElanusError } from '#base/errors.js';
import { vectorFields } from '#model/schema/schema-view.js';
import type { CallContext } from '#platform/transport.js';
import { LoadState } from '#proto/milvus/common.js';
import { loadFailure, type OpenCollection, refusePartitionNames } from '#roles/proxy/collection-access.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { checkLoadWishes, type LoadWishes } from './load-request.js';

type LoadingParts = Pick<ProxyParts, 'access' | 'queryCoord'>;
type NamedCollection = { readonly dbName: string; readonly collectionName: string };
/** Undefined: all of the collection. */
type PartitionNames = readonly string[] | undefined;
type NamedPartitions = NamedCollection & { readonly partitionNames: readonly string[] };

export class LoadingMethods {
  readonly #parts: LoadingParts;

  constructor(parts: LoadingParts) {
    this.#parts = parts;
  }

  readonly loadCollection: PublicHandler<'loadCollection'> = (request, context) =>
    this.#load(request, undefined, context);

  readonly loadPartitions: PublicHandler<'loadPartitions'> = (request, context) =>
    this.#load(request, request.partitionNames, context);

  readonly releaseCollection: PublicHandler<'releaseCollection'> = (request, context) =>
    this.#release(request, undefined, context);

  readonly releasePartitions: PublicHandler<'releasePartitions'> = (request, context) =>
    this.#release(request, request.partitionNames, context);

  readonly getLoadingProgress: PublicHandler<'getLoadingProgress'> = async (request, context) => {
    const { collection, state } = await this.#loadState(request, context);
    if (!state.known)
      throw new ElanusError(
        'collection_not_loaded',
        `collection not loaded[database=${collection.database}][collection=${request.collectionName}]; load it first`,
      );
    // A waiting client would wait for ever, so the answer says what is missing.
    const failure = loadFailure(request.collectionName, state);
    if (failure !== undefined) throw failure;
    return { progress: BigInt(state.progress), refreshProgress: BigInt(state.progress) };
  };

  readonly getLoadState: PublicHandler<'getLoadState'> = async (request, context) => {
    try {
      const { state } = await this.#loadState(request, context);
      if (!state.known) return { state: LoadState.LoadStateNotLoad };
      return { state: state.progress >= 100 ? LoadState.LoadStateLoaded : LoadState.LoadStateLoading };
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'collection_not_found')
        return { state: LoadState.LoadStateNotExist };
      throw error;
    }
  };

  readonly getReplicas: PublicHandler<'getReplicas'> = async (request, context) => {
    const { record } = await this.#parts.access.open(request, context);
    const state = await this.#parts.queryCoord.loadState({ collectionId: record.id }, context);
    if (!state.known || state.progress === 0) return { replicas: [] };
    const shardReplicas = state.channels.map(({ vchannel, leaderId, nodeIds }) => ({
      leaderID: leaderId,
      leaderAddr: '',
      dmChannelName: vchannel,
      nodeIds: nodeIds.length === 0 ? [leaderId] : nodeIds,
    }));
    return {
      replicas: [
        {
          replicaID: record.id,
          collectionID: record.id,
          partitionIds: record.partitions.map(({ id }) => id),
          nodeIds: [...new Set(shardReplicas.flatMap(({ nodeIds }) => nodeIds))],
          resourceGroupName: state.resourceGroup,
          shardReplicas: request.withShardNodes ? shardReplicas : [],
        },
      ],
    };
  };

  async #load(
    request: NamedCollection & LoadWishes,
    partitionNames: PartitionNames,
    context: CallContext,
  ): Promise<object> {
    const { access, queryCoord } = this.#parts;
    const collection = await access.open(request, context);
    const collectionId = collection.record.id;
    const partitionIds = this.#partitionIds(collection, partitionNames, 'load');
    const fields = checkLoadWishes(collection.schema, request, collection.record.properties.ttl_field);
    const state = await queryCoord.loadState({ collectionId }, context);
    if (request.refresh && !state.known) {
      throw new ElanusError(
        'collection_not_loaded',
        `collection not loaded[database=${collection.database}][collection=${request.collectionName}]; load it without refresh first`,
      );
    }
    // Who names no fields leaves them as they are.
    const leftOut = fields.namesFields ? fields.leftOutFieldIds : state.leftOutFieldIds;
    checkIndexed(collection, request.collectionName, leftOut);
    await queryCoord.loadCollection(
      {
        ...{ collectionId, partitionIds, replicaNumber: request.replicaNumber },
        resourceGroup: request.resourceGroups[0] ?? '',
        ...fields,
      },
      context,
    );
    return {};
  }

  async #release(
    request: NamedCollection,
    partitionNames: PartitionNames,
    context: CallContext,
  ): Promise<object> {
    const { access, queryCoord } = this.#parts;
    const collection = await access.open(request, context);
    const partitionIds = this.#partitionIds(collection, partitionNames, 'release');
    await queryCoord.releaseCollection({ collectionId: collection.record.id, partitionIds }, context);
    return {};
  }

  /** To the other roles no partition stands for all: who names partitions and sends none would have the whole collection loaded, or released. */
  #partitionIds(collection: OpenCollection, names: PartitionNames, to: 'load' | 'release'): bigint[] {
    if (names === undefined) return [];
    if (names.length === 0)
      throw new ElanusError(
        'invalid_parameter',
        `failed to ${to} partition, due to no partition specified; name some, or ${to} the collection: invalid parameter`,
      );
    refusePartitionNames(collection, names, to);
    return this.#parts.access.partitionIds(collection, names);
  }

  async #loadState(request: NamedPartitions, context: CallContext) {
    const { access, queryCoord } = this.#parts;
    const collection = await access.open(request, context);
    const partitionIds = access.partitionIds(collection, request.partitionNames);
    const state = await queryCoord.loadState({ collectionId: collection.record.id, partitionIds }, context);
    return { collection, state };
  }
}

/** As in Milvus, a collection is served only when every vector field has an index. */
function checkIndexed({ record, schema }: OpenCollection, name: string, leftOut: readonly bigint[]): void {
  const missing = vectorFields(schema).filter(
    (field) =>
      !leftOut.includes(field.fieldID) && !record.indexes.some((index) => index.fieldId === field.fieldID),
  );
  if (missing.length === 0) return;
  throw new ElanusError(
    'index_not_found',
    `there is no vector index on field: [${missing.map((field) => field.name).join(', ')}], please create index firstly: index not found[collection=${name}]`,
  );
}
