// The one way from RootCoord to DataCoord: six calls behind real readiness. Each waits for the peer within a deadline, turns every
// failure into a typed error that names the call, and never reads a missing answer as success.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { SegmentState } from '#proto/milvus/common.js';
import type {
  DataCoordDefinition,
  FlushResponse,
  GetInsertBinlogPathsResponse,
  GetSegmentInfoResponse,
  ImportTaskRequest,
  ImportTaskResponse,
} from '#proto/milvus/data_coord.js';
import type { ImportRequestInternal } from '#proto/milvus/internal.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { Client, DeepPartial } from '#rpc/service.js';
import { BrokerCalls, type BrokerOptions } from './broker-calls.js';

export type DataCoordClient = Client<typeof DataCoordDefinition>;
export interface DataCoordBroker {
  /** Paths of the files that hold the field, in flush order. @throws segment_not_found; object_not_found when no file holds the field. */
  getBinlogFilePaths(segmentId: bigint, fieldId: bigint, signal?: AbortSignal): Promise<readonly string[]>;
  /** Rows of a flushed segment; a flushing one counts only when the flush itself asks. @throws segment_not_found, service_not_ready (not flushed) */
  getNumRows(segmentId: bigint, isFromFlushedChannel: boolean, signal?: AbortSignal): Promise<bigint>;
  /** Ids of flushed segments; partition -1n: of all. */
  getFlushedSegments(
    collectionId: bigint,
    partitionId: bigint,
    signal?: AbortSignal,
  ): Promise<readonly bigint[]>;
  /** Gives every channel an owner. Repeating it changes nothing. */
  watchChannels(
    collectionId: bigint,
    channels: readonly string[],
    details: { readonly schema: CollectionSchema; readonly createTimestamp: bigint },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Hands over a journaled job; the same task id again is the same job. @throws when no worker was chosen */
  importData(request: DeepPartial<ImportTaskRequest>, signal?: AbortSignal): Promise<ImportTaskResponse>;
  /** Begins a job. @returns its id: that of an earlier one when the key of the request says so */
  startImport(request: DeepPartial<ImportRequestInternal>, signal?: AbortSignal): Promise<bigint>;
  /** Seals what grows; empty `segmentIds`: all of the collection. The rows are durable files once the checkpoint passes `flush_ts`. */
  flushOnCollection(
    collectionId: bigint,
    segmentIds: readonly bigint[],
    signal?: AbortSignal,
  ): Promise<FlushResponse>;
}

export function createDataCoordBroker(
  client: DataCoordClient,
  platform: Platform,
  options: BrokerOptions,
): DataCoordBroker {
  const calls = new BrokerCalls(platform, options);
  return {
    async getBinlogFilePaths(segmentId, fieldId, signal) {
      const response = await calls.run('getBinlogFilePaths', signal, (context) =>
        client.getInsertBinlogPaths({ segmentID: segmentId }, context),
      );
      return pathsOf(response, segmentId, fieldId);
    },
    async getNumRows(segmentId, isFromFlushedChannel, signal) {
      const response = await calls.run('getNumRows', signal, (context) =>
        client.getSegmentInfo({ segmentIDs: [segmentId] }, context),
      );
      return rowsOf(response, segmentId, isFromFlushedChannel);
    },
    async getFlushedSegments(collectionId, partitionId, signal) {
      return (
        await calls.run('getFlushedSegments', signal, (context) =>
          client.getFlushedSegments({ collectionID: collectionId, partitionID: partitionId }, context),
        )
      ).segments;
    },
    async watchChannels(collectionId, channels, details, signal) {
      await calls.run('watchChannels', signal, (context) =>
        client.watchChannels(
          {
            collectionID: collectionId,
            channelNames: [...channels],
            schema: details.schema,
            createTimestamp: details.createTimestamp,
          },
          context,
        ),
      );
    },
    async importData(request, signal) {
      const response = await calls.run('importData', signal, (context) => client.import(request, context));
      if (response.datanodeId === 0n)
        throw new ElanusError('internal', 'DataCoord.importData: no worker was chosen, expected its id');
      return response;
    },
    async startImport(request, signal) {
      const { jobID } = await calls.run('startImport', signal, (context) =>
        client.importV2(request, context),
      );
      return BigInt(jobID);
    },
    flushOnCollection: (collectionId, segmentIds, signal) =>
      calls.run('flushOnCollection', signal, (context) =>
        client.flush({ collectionID: collectionId, segmentIDs: [...segmentIds] }, context),
      ),
  };
}

function pathsOf(
  response: GetInsertBinlogPathsResponse,
  segmentId: bigint,
  fieldId: bigint,
): readonly string[] {
  if (response.fieldIDs.length !== response.paths.length) {
    throw new ElanusError(
      'internal',
      `DataCoord.getBinlogFilePaths: ${response.fieldIDs.length} field ids but ${response.paths.length} path lists, expected as many`,
    );
  }
  const paths = response.fieldIDs.flatMap((id, index) =>
    id === fieldId ? (response.paths[index]?.values ?? []) : [],
  );
  if (paths.length === 0) {
    throw new ElanusError(
      'object_not_found',
      `binlog file does not exist, segment id = ${segmentId}, field id = ${fieldId}; the field was added later, or the segment is empty`,
    );
  }
  return paths;
}

function rowsOf(response: GetSegmentInfoResponse, segmentId: bigint, isFromFlushedChannel: boolean): bigint {
  const info = response.infos[0];
  if (response.infos.length !== 1 || info === undefined) {
    throw new ElanusError(
      'internal',
      `DataCoord.getNumRows: ${response.infos.length} descriptors for segment ${segmentId}, expected one`,
    );
  }
  const counts =
    info.state === SegmentState.Flushed || (isFromFlushedChannel && info.state === SegmentState.Flushing);
  if (!counts)
    throw new ElanusError(
      'service_not_ready',
      `segment ${segmentId} is in state ${info.state}, expected flushed; ask again after the flush`,
    );
  return info.numOfRows;
}
