// Flush: what was written becomes files, and which files there are.
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { CallContext } from '#platform/transport.js';
import { SegmentLevel, SegmentState } from '#proto/milvus/common.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { awaitFiles, withinFlushWait } from './flushed-files.js';

type FlushParts = Pick<
  ProxyParts,
  'platform' | 'access' | 'definitions' | 'dataCoord' | 'channelRegistry' | 'streamingNode'
>;

export class FlushMethods {
  readonly #parts: FlushParts;

  constructor(parts: FlushParts) {
    this.#parts = parts;
  }

  readonly flush: PublicHandler<'flush'> = async (request, context) => {
    const dbName = databaseOf(request, context);
    const names = [...new Set(request.collectionNames)];
    const flushed = await Promise.all(names.map((name) => this.#flush(dbName, name, context)));
    const byName = <T>(of: (one: (typeof flushed)[number]) => T): Record<string, T> =>
      Object.fromEntries(flushed.map((one) => [one.name, of(one)]));
    return {
      dbName,
      collSegIDs: byName((one) => packed(one.segmentIds)),
      flushCollSegIDs: byName((one) => packed(one.flushedSegmentIds)),
      collSealTimes: byName((one) => one.timeOfSeal),
      collFlushTs: byName((one) => one.flushTimestamp),
    };
  };

  readonly getFlushState: PublicHandler<'getFlushState'> = async (request, context) => {
    const { access, dataCoord } = this.#parts;
    const collectionID = request.collectionName === '' ? 0n : (await access.open(request, context)).record.id;
    // The status says what is waited for, beside that the call succeeded.
    const { flushed, status } = await dataCoord.getFlushState({ ...request, collectionID }, context);
    return { flushed, status };
  };

  readonly getPersistentSegmentInfo: PublicHandler<'getPersistentSegmentInfo'> = async (request, context) => {
    const { access, channelRegistry } = this.#parts;
    const collectionId = (await access.open(request, context)).record.id;
    const { segments } = await channelRegistry.listSegments({ collectionId }, context);
    // What is in no file yet is in no list, whatever states are asked for.
    const isAsked = request.states.length === 0 || request.states.includes(SegmentState.Flushed);
    return {
      infos: (isAsked ? segments : []).map((segment) => ({
        segmentID: segment.id,
        collectionID: segment.collectionId,
        partitionID: segment.partitionId,
        numRows: segment.rowCount,
        state: SegmentState.Flushed,
        level: segment.rowCount === 0n ? SegmentLevel.L0 : SegmentLevel.L1,
        // Clients wait until Milvus has put the rows of a segment in order; here nothing is done to them after the flush.
        isSorted: segment.rowCount > 0n,
        insertChannel: segment.vchannel,
        compactionFrom: segment.compactedFrom,
      })),
    };
  };

  /** Seals, then waits for the files. What is not there in time, GetFlushState says truthfully. */
  async #flush(database: string, name: string, context: CallContext) {
    const { access, definitions } = this.#parts;
    const collection = await access.open({ dbName: database, collectionName: name }, context);
    const flushed = await definitions.flushCollection(
      { database: collection.database, name, id: collection.record.id },
      context,
    );
    const { vchannels } = collection.record;
    await withinFlushWait(this.#parts, context, (until) =>
      awaitFiles(this.#parts, vchannels, flushed.flushTimestamp, until),
    );
    return { name, ...flushed };
  }
}

const packed = (ids: readonly bigint[]) => ({
  data: encodeInt64s(new Uint8Array(BigInt64Array.from(ids).buffer)),
});
