// The one way from RootCoord to DataCoord: six calls behind real readiness. Each waits for the peer within a deadline, turns every
// failure into a typed error that names the call, and never reads a missing answer as success.
import { deferred } from '#base/async.js';
import { ElanusError, toElanusError } from '#base/errors.js';
import { joinSignals, onAbort } from '#base/on-abort.js';
import { nextFloat } from '#base/random.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import { SegmentState } from '#proto/milvus/common.js';
import type {
  DataCoordDefinition,
  FlushResponse,
  ImportTaskRequest,
  ImportTaskResponse,
} from '#proto/milvus/data_coord.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { Client, DeepPartial } from '#rpc/service.js';

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
  /** Seals what grows; empty `segmentIds`: all of the collection. The rows are durable files once the checkpoint passes `flush_ts`. */
  flushOnCollection(
    collectionId: bigint,
    segmentIds: readonly bigint[],
    signal?: AbortSignal,
  ): Promise<FlushResponse>;
}

export interface BrokerOptions {
  /** How long one call may take, waiting for the peer and asking it again included, in ms. */
  readonly deadlineMs: number;
  /** Ends every call: the owner stops. */
  readonly signal?: AbortSignal;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 3000;
/** A peer that honours the deadline answers a little before this guard, with the better reason. */
const GUARD_MS = 50;

export function createDataCoordBroker(
  client: DataCoordClient,
  platform: Platform,
  options: BrokerOptions,
): DataCoordBroker {
  type Run<T> = (context: CallContext) => Promise<T>;
  async function call<T>(name: string, signal: AbortSignal | undefined, run: Run<T>): Promise<T> {
    const deadlineMs = platform.clock.now() + options.deadlineMs;
    const over = new AbortController();
    const stops = [over.signal, signal, options.signal].filter((one) => one !== undefined);
    const { signal: stop, release } = joinSignals(stops);
    const guard = platform.timers.after(options.deadlineMs + GUARD_MS, () => over.abort());
    const stopped = deferred<never>();
    const onStop = (): void =>
      stopped.reject(
        over.signal.aborted
          ? new ElanusError(
              'deadline_exceeded',
              `DataCoord.${name}: no answer within ${options.deadlineMs} ms; is data-coord running and reachable?`,
            )
          : new ElanusError('cancelled', `DataCoord.${name}: cancelled by its caller before the answer came`),
      );
    const forget = onAbort(stop, onStop);
    try {
      const answer = retrying(run, { signal: stop, deadlineMs, metadata: {} });
      const result = await Promise.race([stopped.promise, answer]);
      if (result === undefined || result === null)
        throw new ElanusError('internal', `DataCoord.${name}: empty answer, expected a response`);
      return result;
    } catch (error) {
      throw toElanusError(error, `DataCoord.${name}`);
    } finally {
      guard.cancel();
      forget();
      release();
    }
  }
  /** Each of the six may be repeated without harm, so a peer that breaks off is asked again until the deadline. */
  async function retrying<T>(
    run: Run<T>,
    context: CallContext & { readonly deadlineMs: number },
  ): Promise<T> {
    for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2)) {
      try {
        return await run(context);
      } catch (error) {
        const waitMs = pauseMs * (0.8 + 0.4 * nextFloat(platform.random));
        const mayRetry =
          error instanceof ElanusError && error.key === 'service_unavailable' && !context.signal.aborted;
        if (!mayRetry || platform.clock.now() + waitMs >= context.deadlineMs) throw error;
        await platform.timers.sleep(waitMs, context.signal);
      }
    }
  }
  return {
    async getBinlogFilePaths(segmentId, fieldId, signal) {
      const response = await call('getBinlogFilePaths', signal, (context) =>
        client.getInsertBinlogPaths({ segmentID: segmentId }, context),
      );
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
    },
    async getNumRows(segmentId, isFromFlushedChannel, signal) {
      const response = await call('getNumRows', signal, (context) =>
        client.getSegmentInfo({ segmentIDs: [segmentId] }, context),
      );
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
    },
    async getFlushedSegments(collectionId, partitionId, signal) {
      return (
        await call('getFlushedSegments', signal, (context) =>
          client.getFlushedSegments({ collectionID: collectionId, partitionID: partitionId }, context),
        )
      ).segments;
    },
    async watchChannels(collectionId, channels, details, signal) {
      await call('watchChannels', signal, (context) =>
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
      const response = await call('importData', signal, (context) => client.import(request, context));
      if (response.datanodeId === 0n)
        throw new ElanusError('internal', 'DataCoord.importData: no worker was chosen, expected its id');
      return response;
    },
    flushOnCollection: (collectionId, segmentIds, signal) =>
      call('flushOnCollection', signal, (context) =>
        client.flush({ collectionID: collectionId, segmentIDs: [...segmentIds] }, context),
      ),
  };
}
