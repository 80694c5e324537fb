// Partitions as clients see them. With a partition key the rows choose theirs, and these calls are refused.
import { ShowType } from '#proto/milvus/milvus.js';
import { collectionRef, refusePartitionNames } from '#roles/proxy/collection-access.js';
import { rowCount, rowCountStatistics } from '#roles/proxy/collections/row-count.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type PartitionParts = Pick<
  ProxyParts,
  'access' | 'definitions' | 'queryCoord' | 'channelRegistry' | 'streamingNode'
>;

export class PartitionMethods {
  readonly #parts: PartitionParts;

  constructor(parts: PartitionParts) {
    this.#parts = parts;
  }

  readonly createPartition: PublicHandler<'createPartition'> = async (request, context) => {
    const { access, definitions } = this.#parts;
    const partition = request.partitionName;
    refusePartitionNames(await access.open(request, context), [partition], 'create');
    await definitions.createPartition({ collection: collectionRef(request, context), partition }, context);
    return {};
  };

  readonly dropPartition: PublicHandler<'dropPartition'> = async (request, context) => {
    const { access, definitions } = this.#parts;
    const partition = request.partitionName;
    refusePartitionNames(await access.open(request, context), [partition], 'drop');
    await definitions.dropPartition({ collection: collectionRef(request, context), partition }, context);
    return {};
  };

  readonly hasPartition: PublicHandler<'hasPartition'> = async (request, context) => {
    const { record } = await this.#parts.access.open(request, context);
    return { value: record.partitions.some((partition) => partition.name === request.partitionName) };
  };

  readonly showPartitions: PublicHandler<'showPartitions'> = async (request, context) => {
    const { access, queryCoord } = this.#parts;
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
  };

  readonly getPartitionStatistics: PublicHandler<'getPartitionStatistics'> = async (request, context) => {
    const collection = await this.#parts.access.open(request, context);
    const partitionId = this.#parts.access.partition(collection, request.partitionName);
    return rowCountStatistics(await rowCount(this.#parts, collection, partitionId, context));
  };
}
