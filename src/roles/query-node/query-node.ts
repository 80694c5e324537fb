// Serves sealed segments: loads them from the object store, keeps their deletes current, searches inside them. Owns nothing durable.

import { ElanusError, messageOf } from '#base/errors.js';
import { isInFiles, schemaOfRows } from '#model/functions/late-outputs.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import {
  type Deletes,
  type FetchRowsResponse,
  type QueryNodeDefinition,
  ShardRetrieveResponse,
  type TextFilter,
} from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { type Handlers, whole } from '#rpc/service.js';
import { applyDeletes } from '#segment/apply-deletes.js';
import { fetchRows } from '#segment/fetch-rows.js';
import { readDeletes } from '#segment/files/delta-log.js';
import { type DiskReads, openDiskIndexes } from '#segment/files/disk-index-files.js';
import { IndexesAhead } from '#segment/files/indexes-ahead.js';
import { indexesEstimate, rowsEstimate } from '#segment/files/memory-estimate.js';
import { PageCache } from '#segment/files/page-cache.js';
import { readSegment } from '#segment/files/read-segment.js';
import { attachScalarIndexes } from '#segment/files/scalar-index-files.js';
import { attachSparseIndexes } from '#segment/files/sparse-index-files.js';
import { attachVectorIndexes } from '#segment/files/vector-index-files.js';
import { KeptTotal } from '#segment/kept/kept-total.js';
import type { MemoryAccount, MemoryUse, Reservation } from '#segment/memory-account.js';
import { RecallControllers } from '#segment/recall/recall-controller.js';
import { aligned, encodeHits } from '#segment/search/hits.js';
import { reportFor } from '#segment/search/search-hooks.js';
import { searchSegments } from '#segment/search/search-segments.js';
import { SupersededRows } from '#segment/search/superseded-rows.js';
import type { SegmentData } from '#segment/segment-data.js';
import { retrieveFromSegments } from '#segment/segment-reads.js';
import { readSent } from '#segment/sent-filter.js';
import { statisticsAnswer, termStatistics } from '#segment/terms/term-statistics.js';
import { keyDeletes } from './key-deletes.js';
import { type LoadedSegment, letGo, outdated } from './loaded-segment.js';
import { fillNewFields } from './new-fields.js';
import { measureSealed } from './sealed-metrics.js';

export interface QueryNodeSettings {
  /** Bound on the pages of disk indexes that are kept in memory, in bytes. */
  readonly diskIndexCacheBytes: number;
  /** An index not searched for this long gives its memory up when something else needs it, in ms. */
  readonly indexIdleMs: number;
}

/** Between two tries to bring back indexes for which there was no room, in ms. */
const RESTORE_MS = 1000;

const indexesOf = ({ id }: SegmentRecord): string => `the indexes of segment ${id}`;

export class QueryNode {
  readonly #platform: Platform;
  readonly #segments = new Map<bigint, LoadedSegment>();
  /** The newest load of each segment, finished or not. An older one would bring rows without the deletes that came since. */
  readonly #versions = new Map<bigint, bigint>();
  /** Indexes that nobody asked for yet: the first to give way. */
  readonly #ahead = new Set<IndexesAhead>();
  readonly #memory: MemoryAccount;
  readonly #paths: KeptTotal;
  readonly #reads: DiskReads;
  readonly #recall: RecallControllers;
  readonly #indexIdleMs: number;

  constructor(
    platform: Platform,
    memory: MemoryAccount,
    { diskIndexCacheBytes, indexIdleMs }: QueryNodeSettings,
  ) {
    this.#indexIdleMs = indexIdleMs;
    this.#platform = platform;
    this.#memory = memory;
    this.#paths = new KeptTotal((bytes) => memory.hasRoom(bytes));
    this.#recall = new RecallControllers(platform);
    const cache = new PageCache(platform, diskIndexCacheBytes);
    this.#reads = {
      cache,
      reserve: (collectionId, bytes, what) => memory.reserve(collectionId, bytes, what),
    };
    measureSealed(platform.metrics, this.#segments);
    memory.addSource(
      () => this.#uses(),
      (bytes) => this.#evict(bytes),
    );
  }

  *#uses(): Iterable<MemoryUse> {
    // Pages of all collections share one cache.
    if (this.#reads.cache.bytes > 0)
      yield { collectionId: 0n, kind: 'indexes', bytes: this.#reads.cache.bytes };
    for (const segment of this.#segments.values()) {
      const { collectionId, memoryParts } = segment.data;
      for (const kind of ['rows', 'vectors', 'keys'] as const)
        yield { collectionId, kind, bytes: memoryParts[kind] };
      yield { collectionId, kind: 'indexes', bytes: memoryParts.indexes, isIdle: this.#isIdle(segment) };
      yield { collectionId, kind: 'paths', bytes: segment.data.keptBytes, isIdle: true };
    }
  }

  #isIdle({ searchedMs, indexed }: LoadedSegment): boolean {
    return indexed !== undefined && this.#platform.clock.monotonic() - searchedMs >= this.#indexIdleMs;
  }

  /** Indexes that were opened ahead, then what filters kept of JSON paths and words, then indexes, of segments that were not searched for long, the longest first. */
  #evict(bytes: number): void {
    const before = this.#memory.usedBytes;

    for (const ahead of [...this.#ahead]) ahead.drop();
    let freed = before - this.#memory.usedBytes;
    const bySearch = [...this.#segments.values()].sort((a, b) => a.searchedMs - b.searchedMs);
    for (const { data } of bySearch) {
      if (freed >= bytes) return;
      freed += data.keptBytes;
      data.dropKept();
    }
    this.#evictIndexes(bytes - freed);
  }

  #evictIndexes(bytes: number): void {
    const idle = [...this.#segments.values()].filter(
      (one) => this.#isIdle(one) && one.data.memoryParts.indexes > 0,
    );
    let freed = 0;
    for (const segment of idle.sort((a, b) => a.searchedMs - b.searchedMs)) {
      if (freed >= bytes) return;
      const { indexes } = segment.data.memoryParts;
      segment.data.dropIndexes();
      segment.isEvicted = true;
      freed += indexes - segment.data.memoryParts.indexes;
      this.#platform.logger.info('indexes_evicted', {
        segmentId: segment.id,
        collectionId: segment.data.collectionId,
        bytes: indexes,
      });
    }
  }

  /** Notes the search, and brings indexes back in the background if there is room again. */
  #touch(segment: LoadedSegment): void {
    segment.searchedMs = this.#platform.clock.monotonic();
    if (!segment.isEvicted || segment.indexed === undefined || segment.searchedMs < segment.restoreMs) return;
    segment.isEvicted = false;
    this.#loadIndexes(segment, segment.indexed).catch((error: unknown) => {
      segment.isEvicted = true;
      segment.restoreMs = this.#platform.clock.monotonic() + RESTORE_MS;
      this.#platform.logger.debug('indexes_not_loaded', { segmentId: segment.id, reason: messageOf(error) });
    });
  }

  /** @returns ids of indexes whose files are damaged. */
  async #loadIndexes(segment: LoadedSegment, record: SegmentRecord): Promise<bigint[]> {
    const { data, ahead } = segment;
    segment.ahead = undefined;
    ahead?.giveRoom();
    let room: Reservation | undefined;
    try {
      // Those it has already are in the sum; an index that is replaced is given back first.
      const missing = this.#indexBytes(record) - data.memoryParts.indexes;
      room = this.#memory.reserve(record.collectionId, Math.max(0, missing), indexesOf(record));
      segment.searchedMs = this.#platform.clock.monotonic();
      segment.indexed = record;
      segment.isEvicted = false;
      // What a search without a filter needs comes first.
      const damaged = await attachVectorIndexes(this.#platform, record, data, this.#reads, ahead);
      damaged.push(...(await attachSparseIndexes(this.#platform, record, data)));
      return [...damaged, ...(await attachScalarIndexes(this.#platform, record, data))];
    } finally {
      ahead?.drop();
      room?.release();
    }
  }

  #indexBytes(record: SegmentRecord): number {
    return indexesEstimate(record, this.#platform.workers.parallelism);
  }

  /** Begins to open the indexes of a segment whose rows are about to be read; without room for them they come after the rows. */
  #openAhead(record: SegmentRecord, schema: CollectionSchema): IndexesAhead | undefined {
    const bytes = this.#indexBytes(record);
    if (bytes === 0 || !this.#memory.hasRoom(bytes)) return undefined;
    const room = this.#memory.reserve(record.collectionId, bytes, indexesOf(record));
    const ahead = new IndexesAhead(this.#platform, record, schema, room, () => this.#ahead.delete(ahead));
    this.#ahead.add(ahead);
    return ahead;
  }

  async close(): Promise<void> {
    for (const segment of this.#segments.values()) letGo(segment);
    this.#segments.clear();
    this.#versions.clear();
  }

  #wanted(ids: readonly bigint[]): LoadedSegment[] {
    return ids.map((id) => {
      const segment = this.#segments.get(id);
      if (segment === undefined)
        throw new ElanusError(
          'collection_not_fully_loaded',
          `segment ${id} is not loaded on this node (any more); try again in a moment`,
        );
      return segment;
    });
  }

  /** A long filter is read before the segments are taken: they may go meanwhile. */
  #readFilter(
    segmentIds: readonly bigint[],
    sent: TextFilter | undefined,
    { signal }: CallContext,
  ): Promise<void> | undefined {
    const first = segmentIds[0] === undefined ? undefined : this.#segments.get(segmentIds[0]);
    return first && readSent(this.#platform.workers, sent, first.data.schema, signal);
  }

  /** The rows of a segment from its files, with all deletes that are known. */
  async #read(
    record: SegmentRecord,
    schema: CollectionSchema,
    deleteSegments: readonly SegmentRecord[],
    buffered: Deletes | undefined,
    signal: AbortSignal,
  ): Promise<SegmentData> {
    const opened = await openDiskIndexes(this.#platform, this.#reads, record, schema);
    const data = await readSegment(this.#platform, record, schema, signal, opened.disk).finally(() =>
      opened.release(),
    );
    data.countKeptIn(this.#paths);
    try {
      if (data.rowCount !== Number(record.rowCount)) {
        throw new ElanusError(
          'data_corrupt',
          `segment ${record.id}: its files hold ${data.rowCount} rows, the catalog says ${record.rowCount}`,
        );
      }
      const pace = new Pace(this.#platform, { signal });
      const isGone = () => false; // It is this load's alone until it is whole.
      if (record.commitTimestamp !== 0n) data.setCommitTimestamp(record.commitTimestamp);
      for (const level0 of deleteSegments) {
        if (level0.partitionId >= 0n && level0.partitionId !== record.partitionId) continue;
        // The files of the segment account for them.
        if (level0.timestampTo <= record.deletesAppliedUntil) continue;
        for (const file of level0.files) {
          const { keys, timestamps } = await readDeletes(this.#platform, file, schema);
          const timestampAt = (row: number) => timestamps[row] ?? 0n;
          await applyDeletes(data, { keys, timestampAt, partitionAt: () => 0n }, pace, isGone);
        }
      }
      const deletes = keyDeletes(buffered);
      if (deletes !== undefined) await applyDeletes(data, deletes, pace, isGone);
      return data;
    } catch (error) {
      data.release();
      throw error;
    }
  }

  readonly handlers: Handlers<typeof QueryNodeDefinition> = {
    loadSegment: async ({ segment: record, deleteSegments, bufferedDeletes, version, ...sent }, context) => {
      if (record === undefined || sent.schema === undefined)
        throw new ElanusError('missing_parameter', 'loadSegment: no segment or schema given');
      const schema = schemaOfRows(sent.schema, isInFiles(record.files));
      if (version < (this.#versions.get(record.id) ?? 0n)) throw outdated(record.id);
      // The copy that it replaces, when it is loaded anew, gives its room to it.
      const replaced = this.#segments.get(record.id)?.data.memoryBytes ?? 0;
      const needed = Math.max(0, rowsEstimate(schema, record, this.#platform.workers.parallelism) - replaced);
      const room = this.#memory.reserve(
        record.collectionId,
        needed,
        `segment ${record.id} of ${record.rowCount} rows`,
      );
      this.#versions.set(record.id, version);
      const ahead = this.#openAhead(record, schema);
      try {
        const data = await this.#read(record, schema, deleteSegments, bufferedDeletes, context.signal);
        if (this.#versions.get(record.id) !== version) {
          data.release();
          throw outdated(record.id);
        }
        letGo(this.#segments.get(record.id));
        const { id, commitTimestamp } = record;
        const searchedMs = this.#platform.clock.monotonic();
        const fresh = { searchedMs, indexed: undefined, isEvicted: false, restoreMs: 0, ahead };
        this.#segments.set(id, { id, data, commitTimestamp, record, ...fresh });
        return {};
      } catch (error) {
        ahead?.drop();
        throw error;
      } finally {
        room.release();
      }
    },
    loadIndexes: async ({ segment: record }) => {
      const [loaded] = this.#wanted([record?.id ?? 0n]);
      if (record === undefined || loaded === undefined)
        throw new ElanusError('missing_parameter', 'loadIndexes: no segment given');
      return { damagedIndexIds: await this.#loadIndexes(loaded, record) };
    },
    updateSchema: async ({ segmentIds, schema }, context) => {
      if (schema === undefined)
        throw new ElanusError('missing_parameter', 'updateSchema: no schema given, expected the newer one');
      const pace = new Pace(this.#platform, context);
      for (const segment of this.#wanted(segmentIds)) {
        fillNewFields(this.#memory, segment, schema);
        if (pace.isDue) await pace.rest();
      }
      // One that was loaded anew meanwhile was loaded by the schema of its own load: the caller must know.
      this.#wanted(segmentIds);
      return {};
    },
    releaseSegments: async ({ segmentIds }) => {
      for (const id of segmentIds) {
        letGo(this.#segments.get(id));
        this.#segments.delete(id);
        this.#versions.delete(id);
      }
      return {};
    },
    applyDeletes: async ({ segmentIds, deletes }, { signal }) => {
      const wanted = this.#wanted(segmentIds);
      const list = keyDeletes(deletes);
      if (list === undefined) return {};
      const pace = new Pace(this.#platform, { signal });
      for (const segment of wanted)
        await applyDeletes(segment.data, list, pace, () => this.#segments.get(segment.id) !== segment);
      // One that was released meanwhile has not got them all: the caller must know.
      this.#wanted(segmentIds);
      return {};
    },
    searchSegments: async (
      { segmentIds, search, readTimestamp, supersededSegmentIds, supersededRows },
      context,
    ) => {
      const reading = this.#readFilter(segmentIds, search?.textFilter, context);
      if (reading !== undefined) await reading;
      const segments = this.#wanted(segmentIds);
      const [first] = segments;
      if (search === undefined || first === undefined)
        throw new ElanusError('missing_parameter', 'searchSegments: no segments or no search given');
      for (const segment of segments) this.#touch(segment);
      const report = reportFor(search);
      const options = { recall: this.#recall, report };
      const call = {
        signal: context.signal,
        pace: new Pace(this.#platform, context),
        // Nearly always there are none.
        ...(supersededRows.length > 0 && {
          superseded: SupersededRows.decode(
            new BigInt64Array(aligned(supersededSegmentIds)),
            new Uint32Array(aligned(supersededRows)),
          ),
        }),
      };
      const hits = await searchSegments(segments, search, readTimestamp, first.data.schema, call, options);
      return whole(encodeHits(hits, readTimestamp, report?.wire));
    },
    segmentTermStatistics: async ({ segmentIds, request, readTimestamp }, { signal }) => {
      if (request === undefined)
        throw new ElanusError('missing_parameter', 'segmentTermStatistics: no words given');
      const segments = this.#wanted(segmentIds);
      for (const segment of segments) this.#touch(segment);
      const found = await termStatistics(segments, request, readTimestamp, signal);
      return statisticsAnswer(found, readTimestamp);
    },
    retrieveSegments: async ({ segmentIds, retrieve, readTimestamp }, context) => {
      const reading = this.#readFilter(segmentIds, retrieve?.textFilter, context);
      if (reading !== undefined) await reading;
      const segments = this.#wanted(segmentIds);
      const [first] = segments;
      if (retrieve === undefined || first === undefined)
        throw new ElanusError('missing_parameter', 'retrieveSegments: no segments or no request given');
      const pace = new Pace(this.#platform, context);
      const found = await retrieveFromSegments(segments, retrieve, readTimestamp, first.data.schema, pace);
      return whole<ShardRetrieveResponse>({ ...noAnswer, ...found, readTimestamp });
    },
    memoryState: async () => ({
      usedBytes: BigInt(Math.ceil(this.#memory.neededBytes)),
      limitBytes: BigInt(this.#memory.limitBytes),
    }),
    fetchSegmentRows: async ({ segmentIds, rows, fieldIds, isQuery }, context) =>
      whole<FetchRowsResponse>({
        status: undefined,
        rows: await fetchRows(
          (id) => this.#segments.get(id)?.data,
          new BigInt64Array(aligned(segmentIds)),
          new Uint32Array(aligned(rows)),
          fieldIds,
          isQuery ? 'query' : 'search',
          new Pace(this.#platform, context),
        ),
      }),
  };
}

const noAnswer = ShardRetrieveResponse.create({});
