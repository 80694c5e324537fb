// A shard that is read, with query-nodes that do what the test says.
import { ElanusError } from '#base/errors.js';
import { seededRandom } from '#base/random.js';
import { int64Values } from '#model/columns/column.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import {
  type Deletes,
  QueryNodeDefinition,
  ShardRetrieveRequest,
  ShardSearchRequest,
  SyncTargetRequest,
} from '#proto/elanus/roles.js';
import { OracleTime } from '#roles/streaming-node/oracle-time.js';
import { ShardReader } from '#roles/streaming-node/reads/shard-reader.js';
import { SERVER_ID_HEADER } from '#rpc/remote-role.js';
import { backgroundContext, type Handlers, inProcessClient } from '#rpc/service.js';
import { fetchRows } from '#segment/fetch-rows.js';
import type { ReadableSegment } from '#segment/readable-segment.js';
import { aligned, decodeHits, encodeHits } from '#segment/search/hits.js';
import { searchSegments } from '#segment/search/search-segments.js';
import { SegmentData } from '#segment/segment-data.js';
import { retrieveFromSegments } from '#segment/segment-reads.js';
import { DIM, testBatch, VECTOR } from './segments.js';
import { COLLECTION, PARTITION, shardWorld } from './shards.js';

/** The query-node that is asked by its name alone. */
const NEAREST = 3n;
/** When the rows of segments were written, unless the test says it. */
const WRITTEN = 5n;

/**
 * @param keysOf sealed segments by id, whose rows a query-node has once they are loaded there
 * @param timeOf when rows of a segment were written
 */
export function readerWorld(
  keysOf: Readonly<Record<string, readonly bigint[]>> = {},
  timeOf: Readonly<Record<string, bigint>> = {},
) {
  const world = shardWorld({ forwardDeletes: (deletes) => reader.forwardDeletes(deletes) });
  const { platform, shard, schema, run } = world;
  const seen = { lost: 0, damaged: [] as bigint[], calls: [] as string[] };
  const faults: {
    load?: ElanusError;
    deletes?: ElanusError;
    whileLoading?: (() => Promise<void>) | undefined;
    /** Calls that these nodes do not take. */
    deaf: Set<bigint>;
    gone: Set<bigint>;
    /** Nodes that do not answer when they are to let go. */
    silent: Set<bigint>;
    /** Nodes that have no room. */
    full: Set<bigint>;
  } = { deaf: new Set(), gone: new Set(), silent: new Set(), full: new Set() };
  const nodes = new Map<bigint, Map<bigint, SegmentData>>();
  const at = (node: bigint): Map<bigint, SegmentData> => {
    const known = nodes.get(node) ?? new Map<bigint, SegmentData>();
    nodes.set(node, known);
    return known;
  };
  const asked = ({ metadata }: CallContext): Map<bigint, SegmentData> => {
    const node = BigInt(metadata[SERVER_ID_HEADER] ?? NEAREST);
    if (faults.gone.has(node)) throw new ElanusError('node_mismatch', `node ${node} is gone`);
    return at(node);
  };
  const served = (ids: readonly bigint[], context: CallContext): ReadableSegment[] => {
    const held = asked(context);
    return ids.map((id) => {
      const data = held.get(id);
      if (data === undefined)
        throw new ElanusError('collection_not_fully_loaded', `segment ${id} is not here; try again`);
      return { id, data, commitTimestamp: 0n };
    });
  };
  const apply = (data: SegmentData, deletes: Deletes | undefined): void => {
    if (deletes?.keys === undefined) return;
    const timestamps = new BigUint64Array(aligned(deletes.timestamps));
    for (const [row, key] of int64Values(deletes.keys).entries())
      data.applyDelete(key, timestamps[row] ?? 0n);
  };
  const nameOf = ({ metadata }: CallContext): string => {
    const node = metadata[SERVER_ID_HEADER];
    return node === undefined ? '' : ` at ${node}`;
  };
  const handlers: Partial<Handlers<typeof QueryNodeDefinition>> = {
    loadSegment: async ({ segment, bufferedDeletes }, context) => {
      const id = segment?.id ?? 0n;
      seen.calls.push(`load ${id}${nameOf(context)}`);
      if (faults.load !== undefined) throw faults.load;
      const held = asked(context);
      if (faults.full.has(BigInt(context.metadata[SERVER_ID_HEADER] ?? NEAREST)))
        throw new ElanusError('memory_limit', 'no room here');
      await faults.whileLoading?.();
      const data = new SegmentData(platform, {
        id,
        collectionId: COLLECTION,
        partitionId: PARTITION,
        schema,
      });
      data.appendBatch(
        testBatch(keysOf[String(id)] ?? [], seededRandom(Number(id))),
        timeOf[String(id)] ?? WRITTEN,
      );
      apply(data, bufferedDeletes);
      held.set(id, data);
      return {};
    },
    loadIndexes: async ({ segment }, context) => {
      served([segment?.id ?? 0n], context);
      return { damagedIndexIds: [5n] };
    },
    releaseSegments: async ({ segmentIds }, context) => {
      const held = asked(context);
      seen.calls.push(`release ${segmentIds.join()}${nameOf(context)}`);
      if (faults.silent.has(BigInt(context.metadata[SERVER_ID_HEADER] ?? NEAREST)))
        throw new ElanusError('service_unavailable', 'it does not answer');
      for (const id of segmentIds) held.delete(id);
      return {};
    },
    applyDeletes: async ({ segmentIds, deletes }, context) => {
      const node = BigInt(context.metadata[SERVER_ID_HEADER] ?? NEAREST);
      if (faults.deletes !== undefined) throw faults.deletes;
      if (faults.deaf.has(node)) throw new ElanusError('service_unavailable', 'it does not take deletes');
      for (const { data } of served(segmentIds, context)) {
        if (deletes?.keys === undefined) continue;
        seen.calls.push(`deletes ${int64Values(deletes.keys).join()}${nameOf(context)}`);
        apply(data, deletes);
      }
      return {};
    },
    searchSegments: async ({ segmentIds, search, readTimestamp }, context) => {
      seen.calls.push(`search ${segmentIds.join()}${nameOf(context)}`);
      const pace = new Pace(platform, backgroundContext);
      const request = ShardSearchRequest.fromPartial(search ?? {});
      const { signal } = context;
      const segments = served(segmentIds, context);
      return encodeHits(
        await searchSegments(segments, request, readTimestamp, schema, { signal, pace }),
        readTimestamp,
      );
    },
    retrieveSegments: async ({ segmentIds, retrieve, readTimestamp }, context) => {
      const pace = new Pace(platform, backgroundContext);
      const request = ShardRetrieveRequest.fromPartial(retrieve ?? {});
      const segments = served(segmentIds, context);
      return {
        ...(await retrieveFromSegments(segments, request, readTimestamp, schema, pace)),
        readTimestamp,
      };
    },
    fetchSegmentRows: async ({ segmentIds, rows, fieldIds }, context) => {
      const ids = new BigInt64Array(aligned(segmentIds));
      const held = new Map(served([...ids], context).map(({ id, data }) => [id, data as SegmentData]));
      const pace = new Pace(platform, backgroundContext);
      const places = new Uint32Array(aligned(rows));
      return { rows: await fetchRows((id) => held.get(id), ids, places, fieldIds, 'search', pace) };
    },
  };
  const reader = new ShardReader({
    platform,
    shard,
    queryNode: inProcessClient(QueryNodeDefinition, handlers as Handlers<typeof QueryNodeDefinition>),
    time: new OracleTime(platform, async () => 1n << 40n),
    settled: async () => {},
    serverId: NEAREST,
    versionMin: 10n,
    onLost: () => void seen.lost++,
    onDamaged: async (_segment, indexId) => void seen.damaged.push(indexId),
  });
  /** @param places segments by their nodes */
  const targetAt = (version: bigint, places: readonly (readonly [bigint, bigint])[], more: object = {}) =>
    run(
      reader.syncTarget(
        SyncTargetRequest.fromPartial({
          ...{ vchannel: 'v0', version, partitionIds: [PARTITION] },
          segments: places.map(([id, nodeId]) => ({
            ...{ segment: { id, partitionId: PARTITION, timestampTo: 15n, state: 'flushed' }, nodeId },
          })),
          ...more,
        }),
        backgroundContext,
      ),
    );
  /** @param commitTimestamp not 0n: the segments were imported */
  const target = (
    version: bigint,
    ids: readonly bigint[],
    partitionIds = [PARTITION],
    commitTimestamp = 0n,
    droppedIds: readonly bigint[] = [],
  ): Promise<unknown> =>
    targetAt(version, [], {
      partitionIds,
      segments: ids.map((id) => ({
        segment: {
          ...{ id, partitionId: PARTITION, timestampTo: 15n, commitTimestamp },
          state: droppedIds.includes(id) ? 'dropped' : 'flushed',
        },
      })),
    });
  const search = (more: Partial<ShardSearchRequest> = {}) => {
    const queries = new Uint8Array(DIM * 4);
    const request = { fieldId: VECTOR, metric: 'L2', queryCount: 1, topK: 10, queries, ...more };
    return run(reader.search(ShardSearchRequest.fromPartial(request), backgroundContext)).then(decodeHits);
  };
  const found = async (): Promise<bigint[]> => [...int64Values((await search()).keys)].sort();
  const retrieved = async (more: Partial<ShardRetrieveRequest> = {}): Promise<bigint[]> => {
    const { rows } = await run(reader.retrieve(ShardRetrieveRequest.fromPartial(more), backgroundContext));
    return rows === undefined ? [] : [...int64Values(rows.columns[0] as never)];
  };
  const loaded = at(NEAREST);
  return { ...world, reader, target, targetAt, search, found, retrieved, seen, faults, loaded, nodes };
}
