// The one way from RootCoord to DataCoord: six calls behind real readiness. Each waits for the peer within a deadline, turns every
// failure into a typed error that names the call, and never reads a missing answer as success.
import { ElanusError, toElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import { SegmentState } from '#proto/milvus/common.js';
import type { DataCoordDefinition, FlushResponse, ImportTaskRequest, ImportTaskResponse } from '#proto/milvus/data_coord.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { Client, DeepPartial } from '#rpc/service.js';

export type DataCoordClient = Client<typeof DataCoordDefinition>;
export interface DataCoordBroker {
  /** Paths of the files that hold the field, in flush order. @throws segment_not_found; object_not_found when no file holds the field. */
  getBinlogFilePaths(segmentId: bigint, fieldId: bigint): Promise<readonly string[]>;
  /** Rows of a flushed segment; a flushing one counts only when the flush itself asks. @throws segment_not_found, service_not_ready (not flushed) */
  getNumRows(segmentId: bigint, isFromFlushedChannel: boolean): Promise<bigint>;
  /** Ids of flushed segments; partition -1n: of all. */
  getFlushedSegments(collectionId: bigint, partitionId: bigint): Promise<readonly bigint[]>;
  /** Gives every channel an owner. Repeating it changes nothing. */
  watchChannels(
    collectionId: bigint,
    channels: readonly string[],
    details: { readonly schema: CollectionSchema; readonly createTimestamp: bigint },
  ): Promise<void>;
  importData(request: DeepPartial<ImportTaskRequest>): Promise<ImportTaskResponse>;
  /** Seals what grows; empty `segmentIds`: all of the collection. The rows are durable files once the checkpoint passes `flush_ts`. */
  flushOnCollection(collectionId: bigint, segmentIds: readonly bigint[]): Promise<FlushResponse>;
}

/** @param deadlineMs how long one call may take, waiting for the peer included. */
export function createDataCoordBroker(client: DataCoordClient, platform: Platform, deadlineMs: number): DataCoordBroker {
  async function call<T>(name: string, run: (context: CallContext) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const timer = platform.timers.after(deadlineMs, () => controller.abort());
    try {
      const result = await Promise.race([
        run({ signal: controller.signal, deadlineMs: platform.clock.now() + deadlineMs, metadata: {} }),
        new Promise<never>((_, reject) => {
          controller.signal.addEventListener('abort', () =>
            reject(
              new ElanusError(
                'deadline_exceeded',
                `DataCoord.${name}: no answer within ${deadlineMs} ms; is data-coord running and reachable?`,
              ),
            ),
          );
        }),
      ]);
      if (result === undefined || result === null)
        throw new ElanusError('internal', `DataCoord.${name}: empty answer, expected a response`);
      return result;
    } catch (error) {
      throw toElanusError(error, `DataCoord.${name}`);
    } finally {
      timer.cancel();
    }
  }
  return {
    async getBinlogFilePaths(segmentId, fieldId) {
      const response = await call('getBinlogFilePaths', (context) => client.getInsertBinlogPaths({ segmentID: segmentId }, context));
      if (response.fieldIDs.length !== response.paths.length) {
        throw new ElanusError(
          'internal',
          `DataCoord.getBinlogFilePaths: ${response.fieldIDs.length} field ids but ${response.paths.length} path lists, expected as many`,
        );
      }
      const paths = response.fieldIDs.flatMap((id, index) => (id === fieldId ? (response.paths[index]?.values ?? []) : []));
      if (paths.length === 0) {
        throw new ElanusError(
          'object_not_found',
          `binlog file does not exist, segment id = ${segmentId}, field id = ${fieldId}; the field was added later, or the segment is empty`,
        );
      }
      return paths;
    },
    async getNumRows(segmentId, isFromFlushedChannel) {
      const response = await call('getNumRows', (context) => client.getSegmentInfo({ segmentIDs: [segmentId] }, context));
      const info = response.infos[0];
      if (response.infos.length !== 1 || info === undefined) {
        throw new ElanusError(
          'internal',
          `DataCoord.getNumRows: ${response.infos.length} descriptors for segment ${segmentId}, expected one`,
        );
      }
      const counts = info.state === SegmentState.Flushed || (isFromFlushedChannel && info.state === SegmentState.Flushing);
      if (!counts)
        throw new ElanusError(
          'service_not_ready',
          `segment ${segmentId} is in state ${info.state}, expected flushed; ask again after the flush`,
        );
      return info.numOfRows;
    },
    async getFlushedSegments(collectionId, partitionId) {
      return (
        await call('getFlushedSegments', (context) =>
          client.getFlushedSegments({ collectionID: collectionId, partitionID: partitionId }, context),
        )
      ).segments;
    },
    async watchChannels(collectionId, channels, details) {
      await call('watchChannels', (context) =>
        client.watchChannels(
          { collectionID: collectionId, channelNames: [...channels], schema: details.schema, createTimestamp: details.createTimestamp },
          context,
        ),
      );
    },
    importData: (request) => call('importData', (context) => client.import(request, context)),
    flushOnCollection: (collectionId, segmentIds) =>
      call('flushOnCollection', (context) => client.flush({ collectionID: collectionId, segmentIDs: [...segmentIds] }, context)),
  };
}
