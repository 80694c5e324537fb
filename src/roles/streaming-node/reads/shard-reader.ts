// The read side of one shard: what a read sees, and both parts asked at one timestamp. A segment is on exactly one side at any moment. Which
// sealed segments query-nodes serve is kept in `served-segments.ts`; a search is in `shard-search.ts`.

import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import type { AskedExpiry } from '#base/read-time.js';
import { concatBatches, gatherBatch as gather } from '#model/columns/column.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch, SegmentRecord } from '#proto/elanus/data.js';
import type {
  FetchRowsRequest,
  FetchRowsResponse,
  SegmentPlace,
  ShardRetrieveRequest,
  ShardRetrieveResponse,
  ShardSearchRequest,
  ShardSearchResponse,
  SyncTargetRequest,
  TermStatisticsRequest,
  TermStatisticsResponse,
} from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ForwardedDeletes } from '#roles/streaming-node/delete-message.js';
import type { OracleTime } from '#roles/streaming-node/oracle-time.js';
import { whole } from '#rpc/service.js';
import { fetchRows } from '#segment/fetch-rows.js';
import { indexGrowing } from '#segment/files/vector-index-files.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { aligned } from '#segment/search/hits.js';
import {
  addedUp,
  type RowsAndTerms,
  statisticsAnswer,
  statisticsOf,
  termStatistics,
} from '#segment/terms/term-statistics.js';
import { contextAt, type HeldPart, type Holder, sealedPartsOf } from './holder.js';
import { earlier } from './imports-seen.js';
import type { PinnedPage } from './pinned-reads.js';
import type { ServedSegmentsParts } from './served-segment.js';
import { ServedSegments } from './served-segments.js';
import { ShardRetrieve } from './shard-retrieve.js';
import { ShardSearch } from './shard-search.js';
import type { ShardView } from './shard-view.js';

export interface ShardReaderParts extends ServedSegmentsParts {
  readonly time: OracleTime;
  /** Resolves when whatever was given a timestamp before took effect. */
  readonly settled: () => Promise<void>;
}

/** What every read says about what it wants to see. */
type Wanted = Pick<
  ShardSearchRequest,
  'partitionIds' | 'loadedOnly' | 'guaranteeTimestamp' | 'ignoreGrowing' | keyof AskedExpiry
> & { readonly atGuarantee?: boolean; readonly isPage?: boolean } & Partial<
    Pick<ShardSearchRequest, 'statisticsTimestamp' | 'importsUntil'>
  >;

export class ShardReader {
  readonly #parts: ShardReaderParts;
  readonly #served: ServedSegments;
  /** Made with the first read: most of ten thousand shards are not read for long. */
  #reads: { readonly search: ShardSearch; readonly retrieve: ShardRetrieve } | undefined;

  constructor(parts: ShardReaderParts) {
    this.#parts = parts;
    this.#served = new ServedSegments(parts);
  }

  #reading() {
    if (this.#reads !== undefined) return this.#reads;
    const { platform, shard, queryNode } = this.#parts;
    const parts = { platform, shard, queryNode, served: this.#served };
    this.#reads = { search: new ShardSearch(parts), retrieve: new ShardRetrieve(parts) };
    return this.#reads;
  }

  /** See ServedSegments. */
  get settledVersion(): bigint {
    return this.#served.settledVersion;
  }

  get isLoaded(): boolean {
    return this.#served.isLoaded;
  }

  /** Called by the writer before a delete becomes visible here. */
  forwardDeletes(deletes: ForwardedDeletes): Promise<void> {
    return this.#served.forwardDeletes(deletes);
  }

  /** Called after a flush was committed. */
  committed(segments: readonly SegmentRecord[]): void {
    this.#served.committed(segments);
  }

  partitionDropped(partitionId: bigint): void {
    this.#served.partitionDropped(partitionId);
  }

  /** Which of these anybody may still read; older targets are refused from now on. */
  inUse(segmentIds: readonly bigint[], version: bigint): bigint[] {
    return this.#served.inUse(segmentIds, version);
  }

  /** See ServedSegments. */
  syncTarget(request: SyncTargetRequest, context: CallContext): Promise<readonly SegmentPlace[]> {
    return this.#served.syncTarget(request, context);
  }

  /** What is served gets the fields of a newer schema, before the shard takes it. */
  followSchema(schema: CollectionSchema): Promise<void> {
    return this.#served.followSchema(schema);
  }

  /** See ServedSegments. */
  releaseAt(version: bigint): Promise<void> {
    return this.#served.releaseAt(version);
  }

  release(): Promise<void> {
    return this.#served.release();
  }

  /** Everything acknowledged before the call is visible already; only a time that the oracle has not come to has to be waited for. */
  #view(wanted: Wanted, context: CallContext): ShardView | Promise<ShardView> {
    const partitions = this.#served.requirePartitions(wanted.partitionIds, wanted.loadedOnly);
    return wanted.guaranteeTimestamp > this.#parts.shard.readTimestamp
      ? this.#laterView(wanted, partitions, context)
      : this.#viewNow(wanted, partitions);
  }

  async #laterView(
    wanted: Wanted,
    partitions: ReadonlySet<bigint>,
    context: CallContext,
  ): Promise<ShardView> {
    const { shard, time } = this.#parts;
    await time.reach(wanted.guaranteeTimestamp, context);
    // A write that has an earlier timestamp and is on its way would come into view between two pages.
    if (wanted.atGuarantee === true)
      await unlessAborted(this.#parts.settled(), context.signal, () => notSettled(shard.channel.vchannel));
    return this.#viewNow(wanted, partitions);
  }

  /** In one turn: nothing moves from one side to the other between the two lists. */
  #viewNow(wanted: Wanted, loaded: ReadonlySet<bigint>): ShardView {
    const { shard } = this.#parts;
    const page = wanted.atGuarantee === true ? this.#pin(wanted, loaded) : undefined;
    // What was loaded since its first page an iterator does not begin to read.
    const partitions = page?.loadedOnly === true ? page.partitions : loaded;
    const expiry = page?.expiry;
    const readTimestamp = readTimeOf(wanted, shard.readTimestamp);
    const importsKnown = earlier(page?.importsUntil ?? this.#served.importsKnown, wanted.importsUntil);
    // Imported rows count as written at their commit, and a read of the newest state sees them once they are served.
    const until = wanted.atGuarantee === true ? earlier(importsKnown, readTimestamp) : importsKnown;
    const sealed = this.#served.readyIn(partitions, until);
    const growing: ReadableSegment[] = [];
    const view = { ...sealed, readTimestamp, growing, expiry, importsKnown };
    if (wanted.ignoreGrowing) return view;
    for (const { id, partitionId, data } of shard.segments.values())
      if (partitions.has(partitionId) && !this.#served.isServed(id) && !this.#served.hasLeft(id))
        growing.push({ id, data, commitTimestamp: 0n });
    return view;
  }

  #pin(wanted: Wanted, partitions: ReadonlySet<bigint>): PinnedPage | undefined {
    const { guaranteeTimestamp, isPage = false, loadedOnly } = wanted;
    const { expiredUntil, expiryField, expiryMicros } = wanted;
    const expiry = { expiredUntil, expiryField, expiryMicros };
    const importsUntil = earlier(this.#served.importsKnown, wanted.importsUntil);
    const page = { partitions, loadedOnly, expiry, importsUntil };
    return this.#served.pin(guaranteeTimestamp, partitions, isPage ? page : undefined);
  }

  async search(request: ShardSearchRequest, context: CallContext): Promise<ShardSearchResponse> {
    const seen = this.#view(request, context);
    const view = seen instanceof Promise ? await seen : seen;
    for (const { data } of view.growing) indexGrowing(this.#parts.platform, data, this.#served.indexes);
    return counted(await this.#reading().search.run(asSeen(request, view), view, context), view);
  }

  async retrieve(request: ShardRetrieveRequest, context: CallContext): Promise<ShardRetrieveResponse> {
    const seen = this.#view(request, context);
    const view = seen instanceof Promise ? await seen : seen;
    return counted(await this.#reading().retrieve.run(asSeen(request, view), view, context), view);
  }

  /** Counts words in both parts at one time: a search that names this time sees the rows that were counted. */
  async termStatistics(
    request: TermStatisticsRequest,
    context: CallContext,
  ): Promise<TermStatisticsResponse> {
    const view = await this.#view(request, context);
    const { growing, readTimestamp } = view;
    const asked = asSeen(request, view);
    const parts = [
      termStatistics(growing, asked, readTimestamp, context.signal),
      ...sealedPartsOf(view).map((part) => this.#sealedStatistics(asked, part, readTimestamp, context)),
    ];
    return counted(statisticsAnswer(addedUp(await Promise.all(parts)), readTimestamp), view);
  }

  async #sealedStatistics(
    request: TermStatisticsRequest,
    { holder, segmentIds }: HeldPart,
    readTimestamp: bigint,
    context: CallContext,
  ): Promise<RowsAndTerms> {
    const asked = this.#parts.queryNode.segmentTermStatistics(
      { segmentIds, request, readTimestamp },
      contextAt(holder, context),
    );
    return statisticsOf(await this.#served.remote(holder, segmentIds, asked));
  }

  async fetch(request: FetchRowsRequest, context: CallContext): Promise<FetchRowsResponse> {
    const { platform, shard } = this.#parts;
    const segmentIds = new BigInt64Array(aligned(request.segmentIds));
    const rows = new Uint32Array(aligned(request.rows));
    // Nearly always all are at one place: the request goes on as it came.
    const only = this.#holderOfAll(segmentIds);
    if (only !== undefined) return this.#fetchAt(only, request, segmentIds, context);
    const { here, there } = placesByHolder(segmentIds, (id) => this.#served.readAt(id));
    const own = fetchRows(
      (id) => shard.segments.get(id)?.data,
      pick64(segmentIds, here),
      pick32(rows, here),
      request.fieldIds,
      request.isQuery ? 'query' : 'search',
      new Pace(platform, context),
    );
    if (there.size === 0) return fetched(await own);
    const asked = [...there].map(async ([holder, at]) => {
      const ids = pick64(segmentIds, at);
      const { vchannel, fieldIds, isQuery } = request;
      const some = {
        vchannel,
        segmentIds: bytesView(ids),
        rows: bytesView(pick32(rows, at)),
        fieldIds,
        isQuery,
      };
      const remote = await this.#fetchAt(holder, whole<FetchRowsRequest>(some), ids, context);
      if (remote.rows === undefined) throw new ElanusError('internal', 'query-node answered without rows');
      return remote.rows;
    });
    const batches = await Promise.all([own, ...asked]);
    const order = new Uint32Array(rows.length);
    for (const [index, at] of [here, ...there.values()].flat().entries()) order[at] = index;
    return fetched(gather(concatBatches(batches.filter(({ rowCount }) => rowCount > 0)), order));
  }

  /** Undefined: they are at several nodes, or in the growing part. */
  #holderOfAll(segmentIds: BigInt64Array): Holder | undefined {
    const [first] = segmentIds;
    const holder = first === undefined ? undefined : this.#served.readAt(first);
    if (holder === undefined) return undefined;
    return segmentIds.every((id) => this.#served.readAt(id) === holder) ? holder : undefined;
  }

  #fetchAt(
    holder: Holder,
    request: FetchRowsRequest,
    segmentIds: BigInt64Array,
    context: CallContext,
  ): Promise<FetchRowsResponse> {
    const asked = this.#parts.queryNode.fetchSegmentRows(request, contextAt(holder, context));
    return holder.isNearest ? asked : this.#served.remote(holder, [...new Set(segmentIds)], asked);
  }
}

/** The places of rows in the growing part, and by the node that holds them. */
function placesByHolder(segmentIds: BigInt64Array, holderOf: (id: bigint) => Holder | undefined) {
  const here: number[] = [];
  const there = new Map<Holder, number[]>();
  for (const [at, id] of segmentIds.entries()) {
    const holder = holderOf(id);
    const places = holder === undefined ? here : there.get(holder);
    if (places !== undefined) places.push(at);
    else if (holder !== undefined) there.set(holder, [at]);
  }
  return { here, there };
}

/** The answer is this call's own. It is not spread: see HitsMessage. */
function counted<Answer extends Pick<ShardSearchResponse, 'importsKnown' | 'importsSeen'>>(
  answer: Answer,
  { importsKnown, importsSeen }: ShardView,
): Answer {
  answer.importsKnown = importsKnown;
  answer.importsSeen = importsSeen;
  return answer;
}

/** A page asks for what the first one asked for. */
const asSeen = <Request extends AskedExpiry>(request: Request, { expiry }: ShardView): Request =>
  expiry === undefined ||
  (expiry.expiredUntil === request.expiredUntil && expiry.expiryField === request.expiryField)
    ? request
    : { ...request, ...expiry };

/** The time of an iterator's page, that at which the words of the search were counted, or now. */
function readTimeOf(
  { atGuarantee, guaranteeTimestamp, statisticsTimestamp = 0n }: Wanted,
  now: bigint,
): bigint {
  if (atGuarantee === true) return guaranteeTimestamp;
  return statisticsTimestamp > 0n && statisticsTimestamp < now ? statisticsTimestamp : now;
}

const fetched = (rows: ColumnBatch): FetchRowsResponse =>
  whole<FetchRowsResponse>({ status: undefined, rows });

const notSettled = (vchannel: string): ElanusError =>
  new ElanusError(
    'deadline_exceeded',
    `channel ${vchannel}: the writes before the time of the read did not end in time; try again later`,
  );

const pick64 = (from: BigInt64Array, places: readonly number[]): BigInt64Array =>
  BigInt64Array.from(places, (place) => from[place] ?? 0n);
const pick32 = (from: Uint32Array, places: readonly number[]): Uint32Array =>
  Uint32Array.from(places, (place) => from[place] ?? 0);
