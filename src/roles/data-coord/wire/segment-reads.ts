// What Milvus's own `DataCoord` says of segments, to RootCoord and to tools of another make: which there are, their states, rows and files,
// and from where a channel is read again. Reads of the catalog, and of the owners of channels for what still grows.
import { ElanusError, toElanusError } from '#base/errors.js';
import { isFlushed, type Segment } from '#model/states/segment.js';
import type { CallContext } from '#platform/transport.js';
import type { GrowingSegmentInfo } from '#proto/elanus/roles.js';
import { type KeyValuePair, SegmentState } from '#proto/milvus/common.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { segmentMissing } from '#roles/data-coord/segment-commits.js';
import type { Handlers } from '#rpc/service.js';
import { statusOf, successStatus } from '#rpc/wire-status.js';
import {
  checkpointOf,
  isVisible,
  pathsByField,
  segmentBinlogs,
  segmentInfo,
  successorsOf,
  wireState,
} from './segment-info.js';

type SegmentReads = Pick<
  Handlers<typeof DataCoordDefinition>,
  | 'getInsertBinlogPaths'
  | 'getSegmentInfo'
  | 'getFlushedSegments'
  | 'getSegmentsByStates'
  | 'getSegmentStates'
  | 'getCollectionStatistics'
  | 'getPartitionStatistics'
  | 'getRecoveryInfo'
  | 'getRecoveryInfoV2'
>;

export interface SegmentReadsParts {
  readonly catalog: DataCatalog;
  readonly peers: Pick<DataCoordPeers, 'streamingNode'>;
}

/** A segment in the memory of its owner, which no record of the catalog knows yet. */
interface Growing extends GrowingSegmentInfo {
  readonly vchannel: string;
}

const growingState = ({ sealed }: GrowingSegmentInfo): SegmentState =>
  sealed ? SegmentState.Sealed : SegmentState.Growing;
const isOf =
  (partitionID: bigint) =>
  ({ partitionId }: { readonly partitionId: bigint }): boolean =>
    partitionID < 0n || partitionId === partitionID;

/** What the owners of channels hold in memory. */
class GrowingSegments {
  readonly #parts: SegmentReadsParts;

  constructor(parts: SegmentReadsParts) {
    this.#parts = parts;
  }

  async of(collectionId: bigint, context: CallContext): Promise<readonly Growing[]> {
    const { catalog } = this.#parts;
    const channels = catalog.channelsOf(collectionId);
    const found = await Promise.all(channels.map(({ vchannel }) => this.#in(vchannel, context)));
    // One that was flushed between the two looks is in the catalog by now.
    return found.flat().filter(({ segmentId }) => !catalog.segments.has(segmentId));
  }

  /** Asks one channel after the other until all of them are found. */
  async find(ids: readonly bigint[], context: CallContext): Promise<readonly Growing[]> {
    const missing = new Set(ids);
    const found: Growing[] = [];
    for (const vchannel of [...this.#parts.catalog.channels.keys()]) {
      if (missing.size === 0) break;
      for (const segment of await this.#in(vchannel, context))
        if (missing.delete(segment.segmentId)) found.push(segment);
    }
    return found;
  }

  async #in(vchannel: string, context: CallContext): Promise<readonly Growing[]> {
    const { segments } = await this.#parts.peers.streamingNode.channelRows({ vchannel }, context);
    return segments.map((segment) => ({ ...segment, vchannel }));
  }
}

export function segmentReads(parts: SegmentReadsParts): SegmentReads {
  const growing = new GrowingSegments(parts);
  return {
    ...fileReads(parts.catalog),
    ...stateReads(parts.catalog, growing),
    ...statistics(parts.catalog, growing),
    ...recovery(parts.catalog, growing),
  };
}

function fileReads(catalog: DataCatalog): Pick<SegmentReads, 'getInsertBinlogPaths' | 'getSegmentInfo'> {
  const healthy = (id: bigint): Segment => {
    const segment = catalog.segments.get(id);
    if (segment === undefined || segment.state === 'dropped') throw segmentMissing(id);
    return segment;
  };
  return {
    getInsertBinlogPaths: async ({ segmentID }) => {
      const sorted = pathsByField(healthy(segmentID));
      return {
        fieldIDs: sorted.map(([fieldId]) => fieldId),
        paths: sorted.map(([, values]) => ({ values })),
      };
    },
    getSegmentInfo: async ({ segmentIDs, includeUnHealthy }) => {
      const infos = segmentIDs.map((id) => {
        const record = includeUnHealthy ? catalog.segments.get(id) : healthy(id);
        if (record === undefined) throw segmentMissing(id);
        return segmentInfo(record, successorsOf(record, catalog.segments));
      });
      const channels = new Set(infos.map(({ insertChannel }) => insertChannel));
      const checkpoints = [...channels].flatMap((vchannel) => catalog.channels.get(vchannel) ?? []);
      return {
        infos,
        channelCheckpoint: Object.fromEntries(
          checkpoints.map((channel) => [channel.vchannel, checkpointOf(channel)]),
        ),
      };
    },
  };
}

function stateReads(
  catalog: DataCatalog,
  growingSegments: GrowingSegments,
): Pick<SegmentReads, 'getFlushedSegments' | 'getSegmentsByStates' | 'getSegmentStates'> {
  return {
    getFlushedSegments: async ({ collectionID, partitionID, includeUnhealthy, timeBefore }) => ({
      segments: catalog
        .segmentsOf(collectionID)
        .filter((segment) => isVisible(segment) || (includeUnhealthy && segment.state === 'dropped'))
        .filter(isOf(partitionID))
        .filter(({ timestampFrom }) => timeBefore === 0n || timestampFrom < timeBefore)
        .map(({ id }) => id),
    }),
    getSegmentsByStates: async ({ collectionID, partitionID, states }, context) => {
      const wantsGrowing = states.includes(SegmentState.Growing) || states.includes(SegmentState.Sealed);
      const growing = wantsGrowing ? await growingSegments.of(collectionID, context) : [];
      return {
        segments: [
          ...growing
            .filter((segment) => states.includes(growingState(segment)))
            .filter(isOf(partitionID))
            .map(({ segmentId }) => segmentId),
          ...catalog
            .segmentsOf(collectionID)
            .filter((segment) => states.includes(wireState(segment)))
            .filter(isOf(partitionID))
            .map(({ id }) => id),
        ],
      };
    },
    getSegmentStates: async ({ segmentIDs }, context) => {
      const unknown = segmentIDs.filter((id) => !catalog.segments.has(id));
      const growing = await growingSegments.find(unknown, context);
      return { states: segmentIDs.map((id) => stateOf(id, catalog, growing)) };
    },
  };
}

function statistics(
  catalog: DataCatalog,
  growingSegments: GrowingSegments,
): Pick<SegmentReads, 'getCollectionStatistics' | 'getPartitionStatistics'> {
  const rowCount = async (
    collectionId: bigint,
    partitionIds: readonly bigint[],
    context: CallContext,
  ): Promise<KeyValuePair[]> => {
    checkKnown(catalog, collectionId);
    // What grows first: what is flushed meanwhile is left out there and found in the catalog here.
    const growing = await growingSegments.of(collectionId, context);
    const rows = [...growing, ...catalog.segmentsOf(collectionId).filter(isVisible)]
      .filter(({ partitionId }) => partitionIds.length === 0 || partitionIds.includes(partitionId))
      .reduce((sum, one) => sum + one.rowCount, 0n);
    return [{ key: 'row_count', value: String(rows) }];
  };
  return {
    getCollectionStatistics: async ({ collectionID }, context) => ({
      stats: await rowCount(collectionID, [], context),
    }),
    getPartitionStatistics: async ({ collectionID, partitionIDs }, context) => ({
      stats: await rowCount(collectionID, partitionIDs, context),
    }),
  };
}

function recovery(
  catalog: DataCatalog,
  growing: GrowingSegments,
): Pick<SegmentReads, 'getRecoveryInfo' | 'getRecoveryInfoV2'> {
  return {
    getRecoveryInfo: async ({ collectionID, partitionID }, context) => ({
      channels: recoveredChannels(catalog, collectionID, await growing.of(collectionID, context)),
      binlogs: catalog
        .segmentsOf(collectionID)
        .filter((segment) => isVisible(segment) && (partitionID <= 0n || segment.partitionId === partitionID))
        .map(segmentBinlogs),
    }),
    getRecoveryInfoV2: async ({ collectionID, partitionIDs }, context) => ({
      channels: recoveredChannels(catalog, collectionID, await growing.of(collectionID, context)),
      segments: catalog
        .segmentsOf(collectionID)
        .filter(
          (segment) =>
            isFlushed(segment) &&
            (partitionIDs.length === 0 || segment.isLevelZero || partitionIDs.includes(segment.partitionId)),
        )
        .map((segment) => segmentInfo(segment)),
    }),
  };
}

function checkKnown(catalog: DataCatalog, collectionId: bigint): void {
  if (catalog.channelsOf(collectionId).length > 0) return;
  throw new ElanusError(
    'collection_not_found',
    `collection not found[collection=${collectionId}]; it has no channels`,
  );
}

/** Each id has a status of its own: one that is not there does not take the answer from the others. */
function stateOf(segmentID: bigint, catalog: DataCatalog, growing: readonly Growing[]) {
  const known = catalog.segments.get(segmentID);
  if (known !== undefined) {
    const channel = catalog.channels.get(known.vchannel);
    const endPosition = channel === undefined ? undefined : checkpointOf(channel);
    return { segmentID, state: wireState(known), endPosition, status: successStatus() };
  }
  const grows = growing.find(({ segmentId }) => segmentId === segmentID);
  if (grows !== undefined) return { segmentID, state: growingState(grows), status: successStatus() };
  const missing = toElanusError(segmentMissing(segmentID), 'GetSegmentStates');
  return { segmentID, state: SegmentState.NotExist, status: statusOf(missing) };
}

/** From where each channel is read again, and what is in files already, by id. */
function recoveredChannels(catalog: DataCatalog, collectionID: bigint, growing: readonly Growing[]) {
  const segments = catalog.segmentsOf(collectionID);
  return catalog.channelsOf(collectionID).map((channel) => {
    const idsOf = (isListed: (segment: Segment) => boolean): bigint[] =>
      segments
        .filter((segment) => segment.vchannel === channel.vchannel && isListed(segment))
        .map(({ id }) => id);
    return {
      collectionID,
      channelName: channel.vchannel,
      seekPosition: checkpointOf(channel),
      // Deletes before it are in files, of level zero or of the segments themselves.
      deleteCheckpoint: checkpointOf(channel),
      unflushedSegmentIds: growing
        .filter(({ vchannel }) => vchannel === channel.vchannel)
        .map(({ segmentId }) => segmentId),
      flushedSegmentIds: idsOf(isVisible),
      levelZeroSegmentIds: idsOf((segment) => isFlushed(segment) && segment.isLevelZero),
      droppedSegmentIds: idsOf(({ state }) => state === 'dropped'),
    };
  });
}
