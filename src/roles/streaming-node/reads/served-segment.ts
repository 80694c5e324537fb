// One sealed segment that a query-node serves for a shard, and what is known of it.

import { ElanusError } from '#base/errors.js';
import { LazyMap } from '#base/maps/lazy-map.js';
import type { Platform } from '#platform/platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type {
  QueryNodeDefinition,
  ReplacedSegment,
  SegmentPlace,
  SyncTargetRequest,
} from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { ForwardedDeletes } from '#roles/streaming-node/delete-message.js';
import type { Shard } from '#roles/streaming-node/shard.js';
import type { Client } from '#rpc/service.js';
import { isDiskFile } from '#segment/files/disk-file-record.js';
import { type Holder, Holders } from './holder.js';
import type { StrayCopies } from './stray-copies.js';

/** A segment at a query-node. */
export interface SegmentCopy {
  readonly holder: Holder;
  /** Deletes that arrived while it is being loaded there. */
  waiting: ForwardedDeletes[] | undefined;
}

export interface ServedSegment {
  readonly record: SegmentRecord;
  /** It is read there, and nowhere else. */
  copy: SegmentCopy;
  /** It is being loaded at another node, to be read there from then on. */
  coming: SegmentCopy | undefined;
  /** It is read. One that is not has been loaded in place of others that are read still. */
  isLive: boolean;
  indexKeys: string;
}

const copyAt = (holder: Holder): SegmentCopy => ({ holder, waiting: [] });

/** It takes deletes, and has all that came before. */
export const isReady = ({ copy }: Pick<ServedSegment, 'copy'>): boolean => copy.waiting === undefined;

/** What a shard serves, shared by those who change it. */
export interface ServedState {
  readonly served: LazyMap<bigint, ServedSegment>;
  /** What the newest target says was replaced. */
  replaced: ReadonlyMap<bigint, ReplacedSegment>;
  /** By it segments are loaded. It is known here before the shard works with it. */
  schema: CollectionSchema;
  /** Some target was loaded whole. */
  isLoaded: boolean;
  /** The newest target, by its version, once nothing of it is left to do; 0n: something is. */
  settled: bigint;
  /** Rises when something that is served is given up: a target that was being loaded then must not go live. */
  life: number;
  /** Copies that nobody reads and that a node may have. */
  readonly strays: StrayCopies;
}

export const nothingServed = (schema: CollectionSchema, strays: StrayCopies): ServedState => ({
  strays,
  served: new LazyMap(),
  replaced: new LazyMap(),
  schema,
  isLoaded: false,
  settled: 0n,
  life: 0,
});

export interface ServedSegmentsParts {
  readonly platform: Platform;
  readonly shard: Shard;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
  /** The id of this process. */
  readonly serverId: bigint;
  /** An older target may lack what the owner before this one flushed. */
  readonly versionMin: bigint;
  /** Segments must be loaded anew: fetch a target. */
  readonly onLost: () => void;
  /** `settledVersion` may be another from now on. */
  readonly onSettling?: () => void;
  /** The file of an index cannot be read: have it built again. */
  readonly onDamaged: (segment: SegmentRecord, indexId: bigint) => Promise<void>;
}

export const keysOfIndexes = ({ indexes }: SegmentRecord): string => indexes.map((file) => file.key).join();

/** Indexes of fields that are not loaded are of no use. */
export function withLoadedIndexes(request: SyncTargetRequest): SyncTargetRequest {
  const { leftOutFieldIds, segments } = request;
  if (leftOutFieldIds.length === 0) return request;
  const isLoaded = ({ fieldId }: { readonly fieldId: bigint }): boolean => !leftOutFieldIds.includes(fieldId);
  return {
    ...request,
    segments: segments.map((target) => ({
      ...target,
      segment: target.segment && { ...target.segment, indexes: target.segment.indexes.filter(isLoaded) },
    })),
  };
}

/** What a target has a shard do, beside letting go of what it does not name. */
export interface TargetTasks {
  readonly loads: readonly ServedSegment[];
  /** What may have other index files than before. */
  readonly changed: readonly SegmentRecord[];
  /** What is served at another node than the target says. */
  readonly moves: readonly SegmentMove[];
}

export interface SegmentMove {
  readonly served: ServedSegment;
  /** With the index files that it has by now. */
  readonly record: SegmentRecord;
  readonly coming: SegmentCopy;
}

/** What of the target is not served yet, or not where the target says, is entered as loading: deletes wait there from this turn on. @param ownId of this process */
export function enterLoads(
  { served }: Pick<ServedState, 'served'>,
  { segments, keepPlaces }: SyncTargetRequest,
  heldHeirs: ReadonlySet<bigint>,
  ownId: bigint,
): TargetTasks {
  const loads: ServedSegment[] = [];
  const changed: SegmentRecord[] = [];
  const moves: SegmentMove[] = [];
  const holders = new Holders(
    [...served.values()].map(({ copy }) => copy),
    ownId,
  );
  for (const { segment, nodeId } of segments) {
    if (segment === undefined) continue;
    const before = served.get(segment.id);
    const indexKeys = keysOfIndexes(segment);
    if (before !== undefined) {
      // Served without a break: its index files may have come or gone meanwhile, the rows are the same.
      if (before.indexKeys !== indexKeys || hasDiskFile(segment)) changed.push(segment);
      const isMoved = !keepPlaces && isToMove(before, segment, nodeId);
      before.coming = isMoved ? copyAt(holders.at(nodeId)) : undefined;
      if (before.coming !== undefined) moves.push({ served: before, record: segment, coming: before.coming });
      continue;
    }
    if (heldHeirs.has(segment.id)) continue;
    const copy = copyAt(holders.at(nodeId));
    const fresh: ServedSegment = { record: segment, copy, coming: undefined, isLive: false, indexKeys: '' };
    if (indexKeys !== '') changed.push(segment);
    served.set(segment.id, fresh);
    loads.push(fresh);
  }
  return { loads, changed, moves };
}

/** One that was compacted is never loaded anew: see `checkSources`. Where no node was named, the one that was asked may be the one that is named now. */
const isToMove = ({ copy }: ServedSegment, { state }: SegmentRecord, nodeId: bigint): boolean =>
  nodeId !== copy.holder.serverId && state !== 'dropped' && nodeId !== 0n && copy.holder.serverId !== 0n;

/** Damage of a file that is read while it is searched shows only then: its reader reports it when it is asked to load it again. */
const hasDiskFile = ({ indexes }: SegmentRecord): boolean => indexes.some((file) => isDiskFile(file.key));

/** Sent again, the target would change nothing: each segment is read with its indexes, and none that was replaced is read still. */
export function isSettled(
  { served, replaced }: Pick<ServedState, 'served' | 'replaced'>,
  { segments, keepPlaces }: SyncTargetRequest,
  growing: { keys(): Iterable<bigint> },
): boolean {
  if (served.size !== segments.length) return false;
  for (const id of growing.keys()) if (replaced.has(id)) return false;
  return segments.every(({ segment, nodeId }) => {
    const one = segment && served.get(segment.id);
    if (segment === undefined || one === undefined) return false;
    if (!keepPlaces && isToMove(one, segment, nodeId)) return false;
    return one.isLive && one.indexKeys === keysOfIndexes(segment) && !hasDiskFile(segment);
  });
}

/** Segments of the target that are served at another node than it says. */
export const servedElsewhere = (
  { served }: Pick<ServedState, 'served'>,
  { segments }: Pick<SyncTargetRequest, 'segments'>,
): readonly SegmentPlace[] =>
  segments.flatMap(({ segment, nodeId }) => {
    const at = segment && served.get(segment.id)?.copy.holder.serverId;
    return segment === undefined || at === undefined || at === nodeId
      ? []
      : { segmentId: segment.id, nodeId: at };
  });

/**
 * Compacted segments are served on while they are held, with all deletes that reached them. Whoever loads one anew finds those deletes gone that its
 * heirs were written without.
 * @throws sources_lost
 */
export function checkSources(
  { served }: Pick<ServedState, 'served'>,
  { segments }: Pick<SyncTargetRequest, 'segments'>,
): void {
  const lost = segments.find(({ segment }) => segment?.state === 'dropped' && !served.has(segment.id));
  if (lost === undefined) return;
  throw new ElanusError(
    'sources_lost',
    `segment ${lost.segment?.id} was compacted and is not held any more; fetch the target again, with what it became`,
  );
}

export const outdated = (why: string): ElanusError =>
  new ElanusError('target_outdated', `${why}; fetch the target again`);

/** Why a target that was being loaded must not go live. */
export const GIVEN_UP = 'segments served so far were given up meanwhile';
