// Which query-node serves which sealed segment, moves between them, and which segments an index has files for.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { finishedFile } from '#model/states/index-file.js';
import { SegmentLevel, SegmentState } from '#proto/milvus/common.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type SegmentParts = Pick<ProxyParts, 'access' | 'queryCoord' | 'channelRegistry'>;

export class SegmentMethods {
  readonly #parts: SegmentParts;

  constructor(parts: SegmentParts) {
    this.#parts = parts;
  }

  readonly getQuerySegmentInfo: PublicHandler<'getQuerySegmentInfo'> = async (request, context) => {
    const { access, queryCoord } = this.#parts;
    const { record } = await access.open(request, context);
    const { known } = await queryCoord.loadState({ collectionId: record.id }, context);
    if (!known)
      throw new ElanusError(
        'collection_not_loaded',
        `collection not loaded[database=${record.database}][collection=${request.collectionName}]; load it first`,
      );
    const { segments } = await queryCoord.loadedSegments({ collectionId: record.id }, context);
    return {
      infos: segments.map(({ segment: held, nodeId, memoryBytes }) => {
        const segment = must(held, 'segment');
        const file = segment.indexes.find(({ state }) => state === 'finished');
        return {
          segmentID: segment.id,
          collectionID: segment.collectionId,
          partitionID: segment.partitionId,
          memSize: memoryBytes,
          numRows: segment.rowCount,
          indexName: record.indexes.find(({ id }) => id === file?.indexId)?.name ?? '',
          indexID: file?.indexId ?? 0n,
          nodeID: nodeId,
          state: SegmentState.Sealed,
          nodeIds: [nodeId],
          level: SegmentLevel.L1,
          isSorted: segment.rowCount > 0n,
        };
      }),
    };
  };

  readonly loadBalance: PublicHandler<'loadBalance'> = async (request, context) => {
    const { record } = await this.#parts.access.open(request, context);
    await this.#parts.queryCoord.moveSegments(
      {
        ...{ collectionId: record.id, sourceNodeId: request.srcNodeID },
        ...{ targetNodeIds: request.dstNodeIDs, segmentIds: request.sealedSegmentIDs },
      },
      context,
    );
    return {};
  };

  readonly listIndexedSegment: PublicHandler<'listIndexedSegment'> = async (request, context) => {
    const { access, channelRegistry } = this.#parts;
    const { record } = await access.open({ ...request, dbName: '' }, context);
    const index = record.indexes.find(({ name }) => name === request.indexName);
    if (index === undefined)
      throw new ElanusError(
        'index_not_found',
        `index not found[indexName=${request.indexName}][collection=${request.collectionName}]; create it first`,
      );
    const { segments } = await channelRegistry.listSegments({ collectionId: record.id }, context);
    return {
      segmentIDs: segments
        .filter(({ indexes }) => finishedFile(indexes, index.id) !== undefined)
        .map(({ id }) => id),
    };
  };
}
