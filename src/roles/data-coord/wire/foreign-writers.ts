// The calls by which a writer of another make takes part: it asks for segment ids, writes files in our formats, and names them. Everything it
// names goes the way of our own flushes: one transaction, under the epoch of the channel's owner, and the same request again changes nothing.
// What would leave log and files apart (a checkpoint without its files, a state set from outside) is refused, and says what to call instead.
import { ElanusError, toElanusError } from '#base/errors.js';
import type { FlushedSegment } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import { type FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import { SegmentState } from '#proto/milvus/common.js';
import type {
  DataCoordDefinition,
  FieldBinlog,
  SaveBinlogPathsRequest,
  SegmentIDRequest,
} from '#proto/milvus/data_coord.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { parseObjectName } from '#roles/data-coord/object-names.js';
import { type SegmentCommits, segmentMissing } from '#roles/data-coord/segment-commits.js';
import type { Handlers } from '#rpc/service.js';
import { statusOf, successStatus } from '#rpc/wire-status.js';
import { wireState } from './segment-info.js';

type WriterCalls = Pick<
  Handlers<typeof DataCoordDefinition>,
  | 'assignSegmentID'
  | 'saveBinlogPaths'
  | 'updateChannelCheckpoint'
  | 'dropVirtualChannel'
  | 'markSegmentsDropped'
  | 'setSegmentState'
  | 'gcConfirm'
>;

export interface ForeignWritersParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: Pick<DataCoordPeers, 'rootCoord'>;
  readonly commits: SegmentCommits;
  readonly onCommitted: (fresh: readonly FlushedSegment[]) => Promise<void>;
}

/** An assignment is good for rows until then, as upstream's: 2 s, in ms. */
const ASSIGNMENT_MS = 2000n;
const ASSIGNMENTS_MAX = 1024;
/** Files that one request names; each is read to know its checksum. */
const FILES_MAX = 10_000;

export function foreignWriters(parts: ForeignWritersParts): WriterCalls {
  const { catalog } = parts;
  return {
    assignSegmentID: async ({ segmentIDRequests }) => {
      if (segmentIDRequests.length > ASSIGNMENTS_MAX)
        throw new ElanusError(
          'parameter_too_large',
          `AssignSegmentID: ${segmentIDRequests.length} requests in one, the limit is ${ASSIGNMENTS_MAX}; send several`,
        );
      const segIDAssignments = [];
      for (const request of segmentIDRequests) segIDAssignments.push(await assigned(parts, request));
      return { segIDAssignments };
    },
    saveBinlogPaths: (request) => saveBinlogPaths(parts, request),
    updateChannelCheckpoint: async ({ channelCheckpoints }) => {
      for (const { channelName, timestamp } of channelCheckpoints) {
        const channel = catalog.channels.get(channelName);
        if (channel === undefined) throw channelMissing(channelName);
        if (timestamp > channel.checkpointTimestamp)
          throw new ElanusError(
            'unsupported',
            `channel ${channelName}: its checkpoint is ${channel.checkpointTimestamp} and moves with the files it stands for, in one change; name the files with SaveBinlogPaths`,
          );
      }
      return successStatus();
    },
    dropVirtualChannel: async ({ channelName }) => {
      if (!catalog.channels.has(channelName)) return {};
      throw new ElanusError(
        'refused',
        `channel ${channelName} belongs to a collection that is not dropped; drop the collection, its channels go with it`,
      );
    },
    markSegmentsDropped: async ({ segmentIds }) => {
      const kept = segmentIds.find((id) => (catalog.segments.get(id)?.state ?? 'dropped') !== 'dropped');
      if (kept === undefined) return successStatus();
      throw new ElanusError(
        'refused',
        `segment ${kept} holds rows that count; segments go by compaction, or with their partition, collection or import`,
      );
    },
    setSegmentState: async ({ segmentId, newState }) => {
      const segment = catalog.segments.get(segmentId);
      if (segment === undefined) throw segmentMissing(segmentId);
      if (wireState(segment) === newState) return {};
      const [is, wanted] = [nameOf(wireState(segment)), nameOf(newState)];
      throw new ElanusError(
        'refused',
        `segment ${segmentId} is ${is} and cannot be set to ${wanted}: states change with what they stand for; flush, compact, or drop`,
      );
    },
    gcConfirm: async ({ collectionId, partitionId }) => {
      const isOf = (id: bigint): boolean => partitionId === -1n || id === partitionId;
      const segments = catalog.segmentsOf(collectionId).some((segment) => isOf(segment.partitionId));
      const channels = partitionId === -1n && catalog.channelsOf(collectionId).length > 0;
      return { gcFinished: !segments && !channels };
    },
  };
}

const nameOf = (state: SegmentState): string =>
  Object.entries(SegmentState).find(([, number]) => number === state)?.[0] ?? `state ${state}`;

const channelMissing = (vchannel: string): ElanusError =>
  new ElanusError('channel_not_found', `channel ${vchannel} is not known; its collection was dropped`);

/** Each request has an answer of its own, also one that fails: none is left out of a list that says success. */
async function assigned({ catalog, peers }: ForeignWritersParts, request: SegmentIDRequest) {
  const { channelName, collectionID, partitionID, count } = request;
  const asked = { channelName, collectionID, partitionID };
  try {
    const channel = catalog.channels.get(channelName);
    if (channel?.collectionId !== collectionID || channel.droppedPartitionIds.includes(partitionID))
      throw channelMissing(channelName);
    if (count === 0)
      throw new ElanusError(
        'invalid_parameter',
        'AssignSegmentID: count 0, expected rows: invalid parameter',
      );
    const { ID } = await peers.rootCoord.allocID({ count: 1 });
    const { timestamp } = await peers.rootCoord.allocTimestamp({ count: 1 });
    const expireTime = timestamp + (ASSIGNMENT_MS << 18n);
    return { ...asked, segID: ID, count, expireTime, status: successStatus() };
  } catch (error) {
    return { ...asked, count: 0, status: statusOf(toElanusError(error, 'AssignSegmentID')) };
  }
}

/**
 * Names the files of one segment. Idempotent: of a segment that is known nothing changes, unless the files differ, which is refused.
 * @throws channel_moved the sender does not own the channel; object_not_found, data_corrupt for files that are not as they are named
 */
async function saveBinlogPaths(parts: ForeignWritersParts, request: SaveBinlogPathsRequest) {
  const { catalog, commits } = parts;
  const known = catalog.segments.get(request.segmentID);
  const vchannel = request.channel || known?.vchannel || '';
  const channel = catalog.channels.get(vchannel);
  if (channel === undefined) throw channelMissing(vchannel);
  const sender = request.base?.sourceID ?? 0n;
  if (channel.state !== 'owned' || channel.ownerServerId !== sender) {
    const owner = channel.state === 'owned' ? channel.ownerServerId : 'none';
    throw new ElanusError(
      'channel_moved',
      `channel ${vchannel} is owned by node ${owner}, SaveBinlogPaths came from node ${sender}; another node owns it now`,
    );
  }
  const paths = pathsOf([...request.field2BinlogPaths, ...request.deltalogs]);
  if (known !== undefined) {
    const missing = paths.find((path) => !known.files.some(({ key }) => key === path));
    if (missing === undefined || known.state === 'dropped') return successStatus();
    throw new ElanusError(
      'refused',
      `segment ${known.id} has its files and takes no more, expected ${missing} among them; write other rows into a segment of their own`,
    );
  }
  if (!request.flushed || request.dropped || paths.length === 0)
    throw new ElanusError(
      'unsupported',
      `segment ${request.segmentID}: a segment is named once, flushed and with all of its files; send SaveBinlogPaths then`,
    );
  const fresh = await commits.commitFlush({
    vchannel,
    epoch: channel.epoch,
    segments: [await flushedRecord(parts, request, vchannel)],
    // The owner's own rows decide how far its log is needed.
    checkpointLsn: channel.checkpointLsn,
    checkpointTimestamp: channel.checkpointTimestamp,
  });
  await parts.onCommitted(fresh);
  return successStatus();
}

const pathsOf = (logs: readonly FieldBinlog[]): string[] => [
  ...new Set(logs.flatMap(({ binlogs }) => binlogs.map(({ logPath }) => logPath))),
];

async function flushedRecord(
  parts: ForeignWritersParts,
  request: SaveBinlogPathsRequest,
  vchannel: string,
): Promise<SegmentRecord> {
  const { segmentID: id, collectionID: collectionId, partitionID: partitionId } = request;
  const inserts = await filesOf(parts, request, request.field2BinlogPaths, false);
  const logs = request.field2BinlogPaths.flatMap(({ binlogs }) => binlogs);
  const times = logs.flatMap(({ timestampFrom, timestampTo }) => [timestampFrom, timestampTo]);
  const edge = (isBefore: (a: bigint, b: bigint) => boolean): bigint =>
    times.reduce((best, time) => (isBefore(time, best) ? time : best), times[0] ?? 0n);
  return SegmentRecord.fromPartial({
    ...{ id, collectionId, partitionId, vchannel, state: 'flushed' },
    rowCount: inserts[0]?.rowCount ?? 0n,
    files: [...inserts, ...(await filesOf(parts, request, request.deltalogs, true))],
    timestampFrom: edge((a, b) => a < b),
    timestampTo: edge((a, b) => a > b),
    manifestKey: request.manifestPath,
  });
}

/** A file for each path, with the fields that name it, read once for its size and checksum. */
async function filesOf(
  { platform }: ForeignWritersParts,
  { segmentID, collectionID, partitionID }: SaveBinlogPathsRequest,
  logs: readonly FieldBinlog[],
  isDelete: boolean,
): Promise<FileRecord[]> {
  const files = new Map<string, FileRecord>();
  for (const { fieldID, binlogs } of logs)
    for (const { logPath: key, logSize, entriesNum } of binlogs) {
      const named = parseObjectName(key);
      const isOurs = named?.kind === 'log' && named.collectionId === collectionID;
      if (!isOurs || named.partitionId !== partitionID || named.segmentId !== segmentID)
        throw new ElanusError(
          'invalid_parameter',
          `${key} is no file of segment ${segmentID}, expected insert_log/ or delta_log/{collection}/{partition}/{segment}/…: invalid parameter`,
        );
      const known = files.get(key);
      if (known !== undefined) {
        if (!isDelete) known.fieldIds.push(fieldID);
        continue;
      }
      if (files.size >= FILES_MAX)
        throw new ElanusError(
          'parameter_too_large',
          `more than ${FILES_MAX} files in one segment; merge them`,
        );
      const bytes = await platform.objectStore.get(key);
      if (logSize !== 0n && BigInt(bytes.length) !== logSize)
        throw new ElanusError(
          'object_not_found',
          `${key} has ${bytes.length} bytes, expected ${logSize}; write it, then name it`,
        );
      const crc32 = platform.crc32(bytes);
      const fieldIds = isDelete ? [] : [fieldID];
      files.set(key, { key, bytes: BigInt(bytes.length), crc32, fieldIds, rowCount: entriesNum });
    }
  return [...files.values()];
}
